"""What must come of a fault: the right finding, and a retraining only where the world has changed. Pure."""

from __future__ import annotations

from collections.abc import Callable

from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ml.tasks import LOWER_IS_BETTER
from wellkept.simulate.base import DAYS_A_MONTH, Plan, Seen, Told
from wellkept.simulate.faults import is_on

QUALITY = FindingKind.DATA_QUALITY.value
WANTED: dict[str, tuple[str, Callable[[Seen], bool]]] = {
    "drift": (
        "drift or a loss of performance",
        lambda seen: seen.kind in (FindingKind.DRIFT.value, FindingKind.PERFORMANCE.value),
    ),
    "broken_feed": ("a broken label feed", lambda seen: seen.kind == QUALITY and seen.cause == "label_feed"),
    "label_storm": ("a storm of labels", lambda seen: seen.kind == QUALITY and seen.cause == "label_storm"),
    "label_clock": ("labels with a wrong clock", lambda seen: seen.kind == QUALITY and seen.cause == "label_clock"),
    "renamed": ("a renamed input", lambda seen: seen.kind == QUALITY and seen.cause == "renamed"),
    "no_traffic": ("silence", lambda seen: seen.kind == FindingKind.MISSING_DATA.value),
    "broken_pipe": ("broken inputs", lambda seen: seen.kind == QUALITY and seen.entity.startswith("feature:")),
}
"""By fault: the finding that is wanted, in words, and how it is told."""
SPARING = {"none": 4, "drift": 2}
"""How many times fewer retrainings than weekly ones there may be, where a model is retrained for what it is worth."""
BY_THE_CLOCK = frozenset({"schedule", "volume"})
"""Policies that retrain whatever it is worth; all that a fault can do is to hold them."""
WORSE = 0.01
"""By how much the realised performance may fall short of weekly retraining where nothing changes."""
FALSE_A_MONTH = 1.0
"""False alarms that are allowed, a model and month."""


def right_finding(plan: Plan, told: Told) -> Seen | None:
    """The first finding that says what the fault is; None where there is none, or no fault."""
    if plan.fault not in WANTED:
        return None
    fits = WANTED[plan.fault][1]
    return next((seen for seen in told.seen if seen.day > plan.begins and fits(seen)), None)


def false_alarms(plan: Plan, told: Told) -> list[Seen]:
    """The findings of the time in which nothing was wrong; what is information alone is no alarm."""
    alarms = [seen for seen in told.seen if seen.severity != Severity.INFO.name.lower()]
    return [seen for seen in alarms if plan.fault == "none" or seen.day <= plan.begins]


def broken_expectations(plan: Plan, told: Told) -> list[str]:
    """What did not come as it should, in words."""
    broken = []
    if plan.fault in WANTED and right_finding(plan, told) is None:
        broken.append(f"nothing said that there was {WANTED[plan.fault][0]}")
    is_by_clock = any(one["policy"] in BY_THE_CLOCK for one in told.decisions)
    since = [day for day in told.retrainings if (is_on(plan, day - 1) if is_by_clock else day > plan.begins)]
    if plan.fault == "drift" and not since:
        broken.append("it was never retrained after the world had changed")
    if plan.fault not in SPARING and since:
        broken.append(f"it was retrained {len(since)} times because of a fault")
    most = told.weekly / (1 if is_by_clock else SPARING.get(plan.fault, 1))
    if plan.fault in SPARING and len(told.retrainings) > most:
        broken.append(f"it was retrained {len(told.retrainings)} times, where {most:g} are allowed")
    quiet_months = (plan.days if plan.fault == "none" else plan.begins) / DAYS_A_MONTH
    wrong = len(false_alarms(plan, told))
    if wrong > FALSE_A_MONTH * quiet_months:
        broken.append(f"{wrong} false alarms in {quiet_months:g} months")
    return broken + _too_bad(plan, told)


def _too_bad(plan: Plan, told: Told) -> list[str]:
    sign = -1.0 if told.metric in LOWER_IS_BETTER else 1.0
    own, never, weekly = (sign * told.performance[name] for name in ("wellkept", "never", "weekly"))
    if plan.fault == "none" and own < weekly - WORSE:
        return [f"{told.metric} was {abs(weekly - own):.3f} worse than with weekly retraining"]
    if plan.fault == "drift" and own <= never:
        return [f"{told.metric} was no better than without any retraining"]
    return []
