"""Policies: whether a model should be trained again now. Pure: the same case gives the same decision."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from wellkept.kernel.durations import in_words
from wellkept.ml.retrain.forecast import Forecast, Gain, Point, Stale, forecast, lost_since
from wellkept.ml.retrainspec import Retrain, point_of

MONTH = timedelta(days=30)
HOLD_AGAIN = "As many truths inside the intervals as promised."
JITTER = 0.1
"""Up to this share of a wait is added to it, by the model's name: many models never train at the same moment."""


class Act(StrEnum):
    """What a policy decides."""

    RETRAIN = "retrain"
    HOLD = "hold"
    """It would be worth it, or something is wrong, and what stands in the way will pass."""
    REFUSE = "refuse"
    """It was tried, and what came out is not better; or it cannot be tried."""
    NONE = "none"
    """There is no reason to."""


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """All that a decision about one model rests on.

    ``trained_until`` is the newest moment that the live version was trained on, ``known_until`` the newest one that a
    retrain could be trained on (labels come late), ``live_since`` when the version went live.
    ``attempts`` are the retrains of the last 30 days, refused ones too. ``rows_since`` counts labelled rows since
    ``trained_until``, ``rows`` those that a retrain could use, ``more`` the natural logarithm of how many times as many
    these are. ``drifted`` and ``worse`` are what monitors say that
    nothing upstream explains; ``uncovered`` says that intervals do not hold what they promise, where that is worth
    another attempt; ``fallen`` is by how much the newest performance is below what was promised, with the
    standard error. ``held`` says why nothing may be trained now (an incident upstream, a broken label feed), and
    ``held_by`` in a word; empty where nothing is in the way. ``points`` are cohorts of performance of the live version,
    ``gains`` what fresher versions of this model were worth.
    """

    model: str
    spec: Retrain
    metric: str
    is_lower_better: bool
    now: datetime
    trained_until: datetime
    known_until: datetime
    live_since: datetime
    promised: float
    rows: int
    rows_since: int
    more: float = 0.0
    attempts: tuple[datetime, ...] = ()
    drifted: tuple[str, ...] = ()
    worse: str = ""
    uncovered: str = ""
    fallen: tuple[float, float] | None = None
    held: str = ""
    held_by: str = "upstream"
    points: tuple[Point, ...] = ()
    gains: tuple[Gain, ...] = ()

    @property
    def stale(self) -> Stale:
        """How far the live version is behind what could be trained now."""
        return Stale(self.trained_until, self.known_until, self.more)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and the numbers. Gains, cost, risk and net are in the unit of the contract's costs."""

    model: str
    policy: str
    action: Act
    at: datetime
    sentence: str
    reason: str = ""
    """A word that stays the same for as long as nothing but numbers changes."""
    evidence: str = ""
    """What would change it."""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wish:
    wants: bool
    why: str
    evidence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def decide(case: PolicyCase) -> Decision:
    """What the contract's policy decides at ``case.now``.

    What stands in the way is looked at last, so that it is known what was held.
    """
    wish = _POLICIES[case.spec.policy](case)
    reason, obstacle = (case.held_by, case.held) if case.held else _obstacle(case) if wish.wants else ("", "")
    if obstacle:
        why = f"{wish.why} {obstacle}" if wish.wants else obstacle
        return _decision(case, wish, Act.HOLD, why, reason)
    action, reason = (Act.RETRAIN, "worth it") if wish.wants else (Act.NONE, "not worth it")
    return _decision(case, wish, action, wish.why, reason)


def wait_s(model: str, seconds: float) -> float:
    """A wait with this model's own jitter: the same each time."""
    share = int.from_bytes(hashlib.sha256(model.encode()).digest()[:4]) / 2**32
    return seconds * (1 + JITTER * share)


def _decision(case: PolicyCase, wish: _Wish, action: Act, sentence: str, reason: str) -> Decision:
    spec = case.spec
    return Decision(case.model, spec.policy, action, case.now, sentence, reason, wish.evidence, dict(wish.numbers))


def _obstacle(case: PolicyCase) -> tuple[str, str]:
    """What stands in the way of a retrain that is wanted, in a word and in a sentence; empty where nothing does."""
    spec = case.spec
    if case.rows < spec.min_rows:
        return "rows", f"Held: {case.rows} labelled rows to train on, retrain.min_rows wants {spec.min_rows}."
    lately = sorted(at for at in case.attempts if at > case.now - MONTH)
    if not lately:
        return "", ""
    free = lately[-1] + timedelta(seconds=wait_s(case.model, spec.cooldown_s))
    if case.now < free:
        said = f"Held until {free:%Y-%m-%d %H:%M:%S} UTC: the last retrain was at {lately[-1]:%Y-%m-%d %H:%M:%S}."
        return "cool-down", said
    if len(lately) >= spec.most_a_month:
        free = lately[-spec.most_a_month] + MONTH
        said = (
            f"Held until {free:%Y-%m-%d %H:%M:%S} UTC: {len(lately)} retrains in 30 days, {spec.most_a_month} may be."
        )
        return "budget", said
    return "", ""


def _schedule(case: PolicyCase) -> _Wish:
    last = max((case.live_since, *case.attempts))
    due = last + timedelta(seconds=wait_s(case.model, case.spec.every_s))
    told = f"the last training was at {last:%Y-%m-%d %H:%M:%S} UTC, the next is due at {due:%Y-%m-%d %H:%M:%S}"
    return _Wish(case.now >= due, f"By schedule: {told}.", f"The clock: {due:%Y-%m-%d %H:%M:%S} UTC.")


def _volume(case: PolicyCase) -> _Wish:
    numbers = {"rows_since": float(case.rows_since), "rows": float(case.spec.rows)}
    why = f"{case.rows_since} labelled rows since the last training; retrain.rows is {case.spec.rows}."
    return _Wish(case.rows_since >= case.spec.rows, why, f"{case.spec.rows} new labelled rows.", numbers)


def _drift(case: PolicyCase) -> _Wish:
    if case.drifted:
        return _Wish(True, case.drifted[0], "The end of the drift.", {"drifted": float(len(case.drifted))})
    return _Wish(False, "Nothing has drifted.", "Drift of an input or of the scores.")


def _performance(case: PolicyCase) -> _Wish:
    if case.worse:
        return _Wish(True, case.worse, f"{_name(case)} as promised ({case.promised:.3f}).")
    return _Wish(
        False, "It predicts as well as promised.", "A drop of its performance that the contract does not allow."
    )


def _expected_value(case: PolicyCase) -> _Wish:
    """Retrain where what staleness has cost since the last training is more than a retrain costs.

    The rule of the economic order quantity: at a loss that grows with age, retrains that come when the losses since the
    last one reach the cost of one are the cheapest in the long run. Only what is beyond chance counts as a loss. What
    is lost at a step, beyond what age explains, goes on until it is mended: it counts for the whole horizon at once.
    Intervals that do not hold what they promise are mended whatever the metric gains: it says nothing of them.
    """
    spec = case.spec
    point = point_of(case.metric, case.promised)
    known = forecast(case.points, case.gains, case.stale, case.is_lower_better, point, case.fallen)
    cost, value, share = spec.cost_of(case.metric, case.promised), spec.value_per_point, _lasted(case)
    lost = value * known.gain * share
    risk = lost - value * known.beyond_chance(spec.caution) * share if known.gain > 0 else 0.0
    ahead = value * known.surprise
    net = lost - risk + ahead - cost
    numbers = {
        "expected_gain": value * known.gain,
        "gain_low": value * (known.gain - 1.645 * known.error),
        "gain_high": value * (known.gain + 1.645 * known.error),
        "accumulated": lost,
        "ahead": ahead,
        "cost": cost,
        "risk": risk,
        "net": net,
        "age_s": case.stale.age_s,
        **{f"from_{name}": mean for name, (mean, _) in known.parts.items()},
    }
    if net <= 0 and case.uncovered:
        return _Wish(True, f"A retrain tells anew how wide intervals must be: {case.uncovered}", HOLD_AGAIN, numbers)
    return _Wish(net > 0, _said(case, known, numbers), _to_change_it(case, numbers, share), numbers)


def _lasted(case: PolicyCase) -> float:
    """How much of the horizon, at the present loss, what was lost since the last training was worth.

    Losses grew with age. A retrain that brought nothing begins the count anew.
    """
    tried = max((at for at in case.attempts if at > case.live_since), default=case.trained_until)
    return lost_since(case.stale.age_s, max(0.0, (case.now - tried).total_seconds())) / case.spec.horizon_s


def _said(case: PolicyCase, known: Forecast, numbers: Mapping[str, float]) -> str:
    what = f"{_name(case)} of {case.model}"
    verb = "is worth" if numbers["net"] > 0 else "is not worth"
    told = ", ".join(f"{mean:+z.4f} by {_SOURCES[name]}" for name, (mean, _) in known.parts.items()) or "nothing known"
    step = f"; what age does not explain would cost {numbers['ahead']:z.4f} more" if numbers["ahead"] > 0 else ""
    band = f"90 % interval {numbers['gain_low']:z.4f} to {numbers['gain_high']:z.4f}"
    return (
        f"A retrain {verb} it: {what} would gain {numbers['expected_gain']:z.4f} now ({band}; {told}). Since the last "
        f"training that has cost {numbers['accumulated']:z.4f} on the average of {in_words(case.spec.horizon_s)}, of "
        f"which {numbers['risk']:z.4f} may be chance{step}, against a cost of {numbers['cost']:z.4f}."
    )


def _to_change_it(case: PolicyCase, numbers: Mapping[str, float], share: float) -> str:
    if numbers["net"] > 0:
        return "A back-test on newer labels that gains less."
    if not share:
        return "Newer labels than those that it was trained on."
    needed = numbers["cost"] / share
    if needed > case.spec.value_per_point * _greatest_gain(case):
        return "A greater age: no gain that there can be would pay for it now."
    return (
        f"A gain beyond chance of {needed:.4f} at its present age, by a back-test or by a fall of {_name(case)}; "
        "at a greater age less is enough."
    )


def _greatest_gain(case: PolicyCase) -> float:
    """No error is below nothing, and what is no error lies between 0 and 1, unless the project says what it is."""
    if case.is_lower_better:
        return case.promised if case.fallen is None else math.inf
    return math.inf if case.metric.startswith("custom.") else 1.0


def _name(case: PolicyCase) -> str:
    return case.metric.replace("_", " ")


_SOURCES = {
    "ageing": "how fast its versions age",
    "challenger": "a back-test on the newest labels",
    "trend": "the trend of its performance",
    "fallen": "what it has lost against its promise",
}
_POLICIES: Mapping[str, Callable[[PolicyCase], _Wish]] = {
    "expected_value": _expected_value,
    "schedule": _schedule,
    "volume": _volume,
    "drift": _drift,
    "performance": _performance,
}
