"""The judge of a rollout: promote, widen, hold or stop, with the reason and what is still missing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.ml.deploy.measures import ERRORS, QUALITY, SCORES, SLOWNESS, Pair, find, measured, pass_at
from wellkept.ml.rollout import Rollout
from wellkept.spine.rollouts import Look, Measured

PROMOTE, WIDEN, HOLD, STOP = "promote", "widen", "hold", "stop"

LIMITS = {
    ERRORS: "{:.1%} of the requests more may fail",
    SLOWNESS: "{:.1%} more may be slow",
    QUALITY: "the loss may be {:.0%} greater",
    SCORES: "they may lie {:.2g} apart",
}
LOAD_S = 60.0
"""For so long at a stretch it is tried again to load a version; then it is stopped."""
NAMES = {ERRORS: "failures", SLOWNESS: "slow answers", QUALITY: "quality", SCORES: "scores"}


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge on.

    ``pair`` holds nothing of the time in which something was sick under both.
    ``loaded`` says whether a model server has the challenger (None: nobody said); ``trouble`` why it cannot have it,
    ``trouble_s`` for how long that has been so without a break;
    ``sick`` what is wrong under both. ``has_loss`` is whether a known truth tells what one answer was worth.
    """

    policy: Rollout
    step: int
    step_s: float
    total_s: float
    pair: Pair
    loaded: bool | None = None
    trouble: str = ""
    trouble_s: float = 0.0
    sick: str = ""
    has_loss: bool = True
    is_watched: bool = False
    """Whether the challenger answers everybody by now, and the champion is what answered before."""


def judge(case: Case, now: datetime) -> Look:
    """The verdict of one look."""
    if case.trouble:
        verdict = STOP if case.trouble_s >= LOAD_S else HOLD
        return _look(
            case, now, verdict, f"it cannot be loaded: {case.trouble}", (), ("a model server that has loaded it",)
        )
    if case.policy.strategy == "blue_green" and not case.is_watched:
        return _loaded(case, now)
    measures = measured(case.pair, case.policy)
    harm = [measure for measure in measures if measure.state == "worse" and _may_stop(measure, case)]
    if harm:
        words = "; ".join(f"{m.sentence} ({LIMITS[m.name].format(m.limit)})" for m in harm)
        return _look(case, now, STOP, words, measures)
    if case.sick:
        return _look(case, now, HOLD, f"the comparison is void: {case.sick}", measures, ("both on something well",))
    if case.is_watched:
        return _look(case, now, HOLD, "it answers everybody, and no harm is seen", measures)
    missing = _missing(case, measures)
    if missing and case.total_s >= case.policy.longest_s:
        words = f"it could not be decided within {_span(case.policy.longest_s)}: missing are {'; '.join(missing)}"
        return _look(case, now, STOP, words, measures, missing)
    if missing:
        return _look(case, now, HOLD, f"missing are {'; '.join(missing)}", measures, missing)
    words = "; ".join(measure.sentence for measure in measures if measure.state == "fine")
    if case.step + 1 < len(case.policy.steps):
        share = case.policy.steps[case.step + 1]
        return _look(case, now, WIDEN, f"it does no harm, and gets {share:.0%} of the traffic: {words}", measures)
    return _look(case, now, PROMOTE, f"it is no worse than the champion: {words}", measures)


def _may_stop(measure: Measured, case: Case) -> bool:
    """Scores that differ say nothing of which are better; they stop only where nothing better will be known."""
    return measure.name != SCORES or (case.policy.quality.without_labels == "agree" and not _knows(case))


def _knows(case: Case) -> bool:
    return case.has_loss and min(case.pair.labels) >= case.policy.quality.min_labels


def _loaded(case: Case, now: datetime) -> Look:
    """Blue-green: nothing of the challenger is seen before the switch; it has to be ready."""
    if case.loaded:
        return _look(case, now, PROMOTE, "it is loaded and warm")
    missing = ("a model server that has loaded it",)
    if case.total_s >= case.policy.longest_s:
        return _look(case, now, STOP, f"no model server has loaded it within {_span(case.policy.longest_s)}")
    return _look(case, now, HOLD, "no model server has loaded it yet", (), missing)


def _missing(case: Case, measures: Sequence[Measured]) -> tuple[str, ...]:
    """What has to be there before it may go on, in words."""
    policy, found = case.policy, []
    if case.step_s < policy.step_s:
        found.append(f"{_span(policy.step_s - case.step_s)} of the {_span(policy.step_s)} that a step takes")
    requests = case.pair.counts[1]
    if requests < policy.step_rows:
        found.append(f"requests ({requests} of {policy.step_rows})")
    for name in (ERRORS, SLOWNESS):
        found += _open(find(measures, name), policy)
    return tuple(found + _missing_quality(case, measures))


def _missing_quality(case: Case, measures: Sequence[Measured]) -> list[str]:
    policy, agrees = case.policy, find(measures, SCORES)
    if _knows(case):
        return _open(find(measures, QUALITY), policy)
    if policy.quality.without_labels == "agree":
        return _open(agrees, policy) if agrees is not None else ["answers of both to compare"]
    if not case.has_loss:
        return ["a person's word: no truth tells what one of its answers is worth (without_labels: agree lets it pass)"]
    low = min(case.pair.labels)
    return [f"labels ({low} of {policy.quality.min_labels} known; labels {case.pair.matured:.0%} mature)"]


def _open(measure: Measured | None, policy: Rollout) -> list[str]:
    if measure is None or measure.state == "fine":
        return []
    done = max(0.0, min(0.99, measure.fine / pass_at(policy)))
    return [f"evidence on {NAMES[measure.name]} ({done:.0%}; {LIMITS[measure.name].format(measure.limit)})"]


def _look(
    case: Case,
    now: datetime,
    verdict: str,
    sentence: str,
    measures: Sequence[Measured] = (),
    missing: tuple[str, ...] = (),
) -> Look:
    return Look(now, case.step, verdict, sentence, tuple(measures), missing, case.pair.counts)


def _span(seconds: float) -> str:
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
