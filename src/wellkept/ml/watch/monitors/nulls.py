"""Broken inputs: a feature has no value, or always the same one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.kernel.durations import in_words
from wellkept.kernel.entity import feature_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.reference import SCORE
from wellkept.ml.watch.base import Said, Served, enough_for_a_break, newest
from wellkept.ml.watch.saying import clock

CALM = 0.5
"""A finding ends when the rise is below this share of the limit."""
STUCK = 0.5
"""A value is stuck when this much more of the rows have it than the most common value had in training."""
STILL = 3.0
"""What comes and goes by itself is stuck when it has had one value for so many times as long as ever in training."""


class Nulls:
    """The share of nulls, and of the most common value, against the training data.

    A feature store that times out gives nulls or defaults: this is what tells it from a world that changed. An input
    that knows the hour or the day has one value for a while, and is right: what comes and goes must stand still for
    much longer than it ever did.
    """

    name = "nulls"
    version = "3"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        findings: list[Finding] = []
        clear: set[str] = set()
        limit = served.contract.monitors.nulls.share
        enough = enough_for_a_break(served.contract.monitors.drift.min_rows)
        for name in served.contract.features:
            reference = served.reference.get(name)
            if reference is None or name == SCORE:
                continue
            nulls = served.slices.nulls[name]
            rows = nulls + served.slices.bins[name].sum(axis=1)
            first = newest(rows, enough)
            if first < 0:
                continue
            share = float(nulls[first:].sum() / rows[first:].sum())
            rise = share - reference.nulls
            value, top = served.tops.get(name, (0.0, 0.0))
            print_ = fingerprint(self.name, feature_id(served.model, name), "feature")
            allowed = limit * (CALM if print_ in served.open else 1.0)
            if rise >= allowed:
                onset = _onset(nulls, rows, first, reference.nulls + limit / 2)
                words = f"has no value in {share:.0%} of the predictions, {reference.nulls:.0%} in training"
                findings.append(self._finding(served, name, rise, words, onset, {"null_share": share}))
            elif not reference.comes_and_goes and share < 1 and top * (1 - share) - reference.top_share >= STUCK:
                usual = f"its commonest value had {reference.top_share:.0%} in training"
                words = f"is {value:.4g} in {top:.0%} of the predictions; {usual}"
                stuck = {"null_share": share, "stuck_at": value, "stuck_share": top}
                findings.append(self._finding(served, name, top - reference.top_share, words, first, stuck))
            elif reference.comes_and_goes and (still := _still(served, name, enough)) is not None:
                value, onset, seconds = still
                longest = in_words(reference.steady_s or 0.0)
                words = f"has been {value:.4g} for {in_words(seconds)}, for {longest} at most in training"
                stuck = {"null_share": share, "stuck_at": value, "stuck_share": 1.0}
                findings.append(self._finding(served, name, 1.0, words, onset, stuck))
            else:
                clear.add(print_)
        return Said(tuple(findings), frozenset(clear))

    def _finding(
        self, served: Served, name: str, rise: float, words: str, onset: int, values: dict[str, float]
    ) -> Finding:
        source = next(entry.source for entry in served.contract.inputs if entry.name == name)
        entity = feature_id(served.model, name)
        known = served.open.get(fingerprint(self.name, entity, "feature"))
        begun = datetime.fromtimestamp(served.slices.times[onset] - served.step_s, UTC)
        starts_at = known.starts_at if known is not None else begun
        origin = "the request" if source == "request" else source.partition(":")[2]
        return Finding(
            fingerprint=fingerprint(self.name, entity, "feature"),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.DATA_QUALITY,
            severity=Severity.ERROR if rise >= 0.5 else Severity.WARNING,
            score=round(min(1.0, rise), 6),
            score_meaning="the rise of the share of rows without a value of their own, against training",
            starts_at=starts_at,
            sentence=(f"{name}, an input of {served.model} from {origin}, {words} (since {clock(starts_at)})."),
            evidence=(Evidence("feature", {"feature": name, "source": source}, values=values),),
            attributes={
                "title": f"{name} of {served.model} is broken",
                "cause": "default_spike" if "stuck_at" in values else "missing",
            },
        )


def _still(served: Served, name: str, enough: int) -> tuple[float, int, float] | None:
    """The one value that a column has had for much too long now, since which slice, and for how many seconds."""
    least, greatest = served.slices.least.get(name), served.slices.greatest.get(name)
    there = np.flatnonzero(np.isfinite(least)) if least is not None else np.empty(0, dtype=np.int64)
    steady_s = served.reference[name].steady_s
    if least is None or greatest is None or steady_s is None or not len(there):
        return None
    value = float(least[there[-1]])
    others = np.flatnonzero((least[there] != value) | (greatest[there] != value))
    run = there[others[-1] + 1 :] if len(others) else there
    if not len(run) or served.slices.bins[name][run].sum() < enough:
        return None
    seconds = float(served.slices.times[run[-1]] - served.slices.times[run[0]]) + served.step_s
    return (value, int(run[0]), seconds) if seconds >= STILL * max(steady_s, served.step_s) else None


def _onset(nulls: np.ndarray, rows: np.ndarray, first: int, level: float) -> int:
    """The earliest slice of the unbroken run of slices whose share of nulls is above a level."""
    share = np.divide(nulls, rows, out=np.full(len(rows), np.nan), where=rows > 0)
    onset = first
    for index in range(first - 1, -1, -1):
        if np.isfinite(share[index]) and share[index] < level:
            break
        if np.isfinite(share[index]):
            onset = index
    while onset < len(rows) - 1 and not share[onset] >= level:
        onset += 1
    return onset
