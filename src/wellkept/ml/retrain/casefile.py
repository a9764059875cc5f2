"""What a decision about one live model rests on, gathered from monitors, labels, jobs and the performance so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.retrain.exclusions import share_bad
from wellkept.ml.retrain.forecast import Gain, Point
from wellkept.ml.retrain.policy import MONTH, PolicyCase
from wellkept.ml.sample import TWO_SIDED_90
from wellkept.ml.tasks import LOWER_IS_BETTER, OF_INTERVALS
from wellkept.spine.registry import Job, ModelVersion
from wellkept.store.state.retrains import BadSpan

NO_MATTER = "no"
"""``attributes["matters"]`` of drift of inputs that do next to nothing to the scores."""
NEW_CATEGORY = "new_category"
CAUSES_OF_DATA = frozenset({"label_feed", "label_storm", "label_clock", "renamed", "default_spike", "stale_source"})
SPOILED = 0.25
"""What is judged on predictions of which so large a part was made while data was bad tells of that time."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model besides what is suspicious: its performance so far, its trainings (newest first), the
    labelled rows that a retrain could use and those since the champion's training, when its data was bad, and whether
    nobody asks it any more.
    """

    history: PerformanceHistory | None
    jobs: Sequence[Job]
    rows: int
    rows_since: int
    bad: Sequence[BadSpan] = ()
    silence: Finding | None = None


def policy_case(
    contract: ModelContract,
    champion: ModelVersion,
    suspicions: Sequence[Finding],
    verdict: Verdict | None,
    known: Known,
    now: datetime,
) -> PolicyCase:
    """The case of one model; ``suspicions`` are the open findings about it."""
    metric = contract.live_metric
    is_lower = metric in LOWER_IS_BETTER
    promised = champion.metrics.get(metric, math.nan)
    delay = timedelta(seconds=contract.label.delay_s)
    # A training at a moment has the labels until the delay before; so had the champion's, and so would a new one.
    trained_until = trained_until_of(champion) - delay
    held_by, held = what_holds(suspicions, verdict, known.bad)
    if not held and known.silence is not None:
        held_by, held = "no traffic", f"Held until it is asked again: {known.silence.sentence}"
    sound = [f for f in suspicions if _spoiled_by(f, known.bad) is None]
    drifted = [f for f in sound if f.kind is FindingKind.DRIFT and f.attributes.get("matters") != NO_MATTER]
    worse = [f for f in sound if f.kind is FindingKind.PERFORMANCE]
    retrains = [job for job in known.jobs if job.kind == "retrain" and job.started_at > now - MONTH]
    fallen, gains = _fallen(worse, promised, is_lower), gains_of(known.jobs, metric)
    known_until = max(trained_until, now - delay)
    if fallen is not None:
        gains = since_the_fall(gains, min(finding.starts_at for finding in worse), known_until)
    return PolicyCase(
        model=contract.name,
        spec=contract.retrain,
        metric=metric,
        is_lower_better=is_lower,
        now=now,
        trained_until=trained_until,
        known_until=known_until,
        live_since=champion.created_at,
        promised=promised,
        rows=known.rows,
        rows_since=known.rows_since,
        more=more_rows(known.rows, champion),
        attempts=tuple(job.started_at for job in retrains),
        drifted=tuple(finding.sentence for finding in drifted),
        worse=worse[0].sentence if worse else "",
        uncovered=_uncovered(worse, [job.started_at for job in retrains], now),
        fallen=fallen,
        held=held,
        held_by=held_by,
        points=tuple(_points(known, champion)),
        gains=tuple(gains),
    )


def what_holds(suspicions: Sequence[Finding], verdict: Verdict | None, bad: Sequence[BadSpan] = ()) -> tuple[str, str]:
    """Why nothing may be trained now, in a word and in a sentence: the data is not to be trusted, or a promotion is.

    Broken inputs and broken label feeds spoil what a retrain would learn and what it would be judged by. When they are
    sound again, what is judged on predictions of that time is no reason either.
    """
    if verdict is not None and verdict.judgement is Judgement.BROKEN_UPSTREAM:
        return "upstream", verdict.sentence
    for finding in suspicions:
        cause = str(finding.attributes.get("cause", ""))
        is_broken = finding.kind is FindingKind.DATA_QUALITY and not _may_be_learned(finding)
        if is_broken or cause in CAUSES_OF_DATA:
            word = cause or "data quality"
            return word.replace("_", " "), f"Held until the data is sound again: {finding.sentence}"
    promoted = verdict is not None and any(
        check.name == "no promotion at the onset" and not check.passed for check in verdict.checks
    )
    if verdict is not None and promoted and verdict.judgement is Judgement.UNKNOWN:
        return "promotion", verdict.sentence
    for finding in suspicions:
        span = _spoiled_by(finding, bad)
        if span is not None:
            told = f"from {span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC"
            return "bad data", f"Held until newer predictions tell: {finding.sentence} Data was bad {told}: {span.why}"
    return "", ""


def _spoiled_by(finding: Finding, bad: Sequence[BadSpan]) -> BadSpan | None:
    """The span of bad data in which too large a part of what a finding is judged on was predicted."""
    for evidence in finding.evidence:
        start, end = evidence.window_start, evidence.window_end
        if start is not None and end is not None and share_bad(start, end, bad) >= SPOILED:
            return max(bad, key=lambda span: min(span.end, end) - max(span.start, start))
    return None


def _may_be_learned(finding: Finding) -> bool:
    """Whether a finding about the data breaks nothing: a category that is new, or what is told as information alone."""
    return finding.severity is Severity.INFO or finding.attributes.get("quality") == NEW_CATEGORY


def trained_until_of(version: ModelVersion) -> datetime:
    """The newest moment that a version was trained on; when it was made, where nobody says."""
    end = version.lineage.get("window", "").partition(" to ")[2]
    try:
        return datetime.fromisoformat(end)
    except ValueError:
        return version.created_at


def gains_of(jobs: Iterable[Job], metric: str) -> list[Gain]:
    """What past trainings of the model gained, as their back-tests and their comparison with the champion told.

    What was measured by another metric is left out.
    """
    found = []
    for job in jobs:
        for one in job.details.get("gains", ()):
            gain = _gain(one) if one.get("metric", metric) == metric else None
            if gain is not None:
                found.append(gain)
    return found


def since_the_fall(gains: Iterable[Gain], began: datetime, known_until: datetime) -> list[Gain]:
    """What was measured with at least half of what is known since it fell.

    Before, the world was another one; and an attempt on the few rows of the first days says little of one on twice as
    many. So what was refused is tried again, each time when twice as much is known.
    """
    half = began + max(known_until - began, timedelta()) / 2
    return [gain for gain in gains if gain.at >= half]


def _gain(told: Mapping[str, Any]) -> Gain | None:
    try:
        at = datetime.fromisoformat(str(told["at"]))
        numbers = [float(told[name]) for name in ("age_s", "gain", "error", "more")]
    except (KeyError, TypeError, ValueError):
        return None
    if not all(math.isfinite(one) for one in numbers):
        return None
    age_s, gain, error, more = numbers
    return Gain(at, age_s, gain, error, more, "challenger" if told.get("source") == "challenger" else "ageing")


def _fallen(worse: Sequence[Finding], promised: float, is_lower: bool) -> tuple[float, float] | None:
    """By how much the newest performance is below its promise, as the finding about it tells; None without one."""
    for finding in worse:
        for evidence in finding.evidence:
            value = evidence.values.get("value")
            if value is None or evidence.expected is None or not math.isfinite(promised):
                continue
            low, high = evidence.expected
            error = math.hypot((high - low) / TWO_SIDED_90, evidence.values.get("promised_error", 0.0))
            return (value - promised if is_lower else promised - value), error
    return None


def _uncovered(worse: Sequence[Finding], attempts: Sequence[datetime], now: datetime) -> str:
    """What is said of intervals that do not hold; empty without, and until twice as much is known as at the last
    attempt since.
    """
    for finding in worse:
        if any(evidence.signal in OF_INTERVALS for evidence in finding.evidence):
            began = finding.starts_at
            last = max((at for at in attempts if at > began), default=began)
            return finding.sentence if now - began >= 2 * (last - began) else ""
    return ""


def _points(known: Known, champion: ModelVersion) -> Iterable[Point]:
    """The mature cohorts of the live version, but for those of bad data or bad labels."""
    for one in known.history.cohorts if known.history is not None else ():
        is_told = one.value is not None and one.low is not None and one.high is not None
        is_sound = one.is_sound and share_bad(one.start, one.end, known.bad) < SPOILED
        if is_told and is_sound and one.is_mature and one.start >= champion.created_at:
            assert one.value is not None
            assert one.low is not None
            assert one.high is not None
            yield Point(one.start + (one.end - one.start) / 2, one.value, (one.high - one.low) / TWO_SIDED_90)


def more_rows(rows: int, champion: ModelVersion) -> float:
    """How many times as many rows as the champion's, as a logarithm, at least 0; 0 where nobody knows what it had."""
    count = champion.lineage.get("rows", "").partition(" ")[0]
    if not count.isdigit() or int(count) == 0 or rows <= 0:
        return 0.0
    return max(0.0, math.log(rows / int(count)))
