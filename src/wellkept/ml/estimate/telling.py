"""From cohorts to the history of performance: each cohort is estimated as it would have been on its own day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.binned import can_estimate
from wellkept.ml.estimate.cohorts import Cells, Cohorts, labelled
from wellkept.ml.estimate.estimate import NOTHING, Estimated, Labelled, estimate
from wellkept.ml.estimate.history import Arrivals, CohortPerformance, PerformanceHistory, Told, Trouble, Wanted
from wellkept.ml.estimate.ledger import LEAST, MATURE, ledger, weights
from wellkept.ml.estimate.realised import realised
from wellkept.ml.estimate.record import NO_RECORD, TrackRecord, record
from wellkept.ml.estimate.trend import Trend, trend
from wellkept.ml.tasks import TWO_CLASSES

Array = NDArray[np.float64]

BACK = 4
"""Estimates learn from the labels of so many windows, the newest that are mature."""
ROUNDS = 50
RARER = 10
"""Labels of the rarer class below which a classifier cannot be estimated."""
BARELY = 0.5
"""Part of the labels asked for, below which a single cohort is told without a value."""


@dataclass(slots=True)
class Remembered:
    """What cohorts were estimated at, by their start: it was said on the day, and does not change."""

    said: dict[float, Estimated] = field(default_factory=dict)
    seen: dict[float, dict[str, str]] = field(default_factory=dict)
    """What was odd about the inputs of a cohort, by column."""
    broken: dict[float, str] = field(default_factory=dict)
    """Why the inputs of a cohort were broken; empty text where they were not."""


class Teller:
    """Tells the performance of one version from its cohorts."""

    def __init__(
        self, cohorts: Cohorts, wanted: Wanted, troubles: Sequence[Trouble] = (), remembered: Remembered | None = None
    ) -> None:
        self._cohorts, self._wanted, self._troubles = cohorts, wanted, troubles
        self._remembered = remembered or Remembered()
        self._book = ledger(cohorts)
        made = cohorts.own.made.sum(axis=0) + cohorts.live.made.sum(axis=0)
        sums = cohorts.own.sums.sum(axis=0) + cohorts.live.sums.sum(axis=0)
        self._score = np.where(made > 0, sums / np.where(made > 0, made, 1.0), 0.5)
        self._hidden = np.array([self._is_hidden(k) for k in range(len(cohorts.starts))], dtype=bool)

    def history(self, model: str, version: int) -> PerformanceHistory:
        """The whole history, and the estimate of the newest window."""
        cohorts, wanted = self._cohorts, self._wanted
        true = [self._realised(cohorts.live, k) for k in range(len(cohorts.starts))]
        mine = true if self._is_alone() else [self._realised(cohorts.own, k) for k in range(len(cohorts.starts))]
        told, said = self._estimates(mine)
        now, since, rows, book = self._now(said, mine)
        values = [one if one.is_known else guess for one, guess in zip(true, said, strict=True)]
        return PerformanceHistory(
            model=model,
            version=version,
            metric=wanted.metric,
            lower_is_better=wanted.lower_is_better,
            promised=_number(wanted.promised),
            floor=_number(wanted.floor),
            at=_moment(cohorts.now),
            step_s=cohorts.step_s,
            cohorts=tuple(self._cohort(k, true[k], told[k]) for k in range(len(cohorts.starts))),
            now=now,
            since=since,
            rows=rows,
            record=book,
            trend=self._trend(values, told, true),
            arrivals=self._arrivals(),
        )

    def _is_alone(self) -> bool:
        return bool((self._cohorts.own.made == self._cohorts.live.made).all())

    def _is_hidden(self, k: int) -> bool:
        start, end = float(self._cohorts.starts[k]), float(self._cohorts.ends[k])
        is_troubled = any(trouble.hides and trouble.meets(start, end) for trouble in self._troubles)
        return is_troubled or bool(self._remembered.broken.get(start))

    def _realised(self, cells: Cells, k: int) -> Estimated:
        counts = cells.arrived[k].sum(axis=2)
        if counts.sum() < max(RARER, BARELY * self._wanted.min_labels / self._wanted.window):
            return NOTHING
        weight = weights(self._cohorts, self._book, self._cohorts.now, LEAST)[k]
        return realised(self._wanted.metric, counts, weight, cells.losses[k].sum(axis=1), self._score, ROUNDS)

    def _estimates(self, true: Sequence[Estimated]) -> tuple[list[Told], list[Estimated]]:
        """Every cohort as it was estimated when it was complete, with what was known then."""
        told: list[Told] = []
        said: list[Estimated] = []
        for k in range(len(self._cohorts.starts)):
            at = float(self._cohorts.ends[k])
            if at > self._cohorts.now or self._cohorts.own.made[k].sum() == 0:
                told.append(Told())
                said.append(NOTHING)
                continue
            book = self._record(said, true, at)
            known, why = self._known(at, k)
            found = self._remembered.said.get(float(self._cohorts.starts[k]))
            if found is None:
                found = NOTHING if known is None else self._estimate(known, self._cohorts.own.made[k])
                self._remembered.said[float(self._cohorts.starts[k])] = found
            reason = self._reason(float(self._cohorts.starts[k]), at, range(k, k + 1), why, book)
            said.append(found)
            told.append(_told(found.wider(book.beyond), reason))
        return told, said

    def _estimate(self, known: Labelled, now: Array) -> Estimated:
        return estimate(self._wanted.metric, known, now, self._score, ROUNDS)

    def _known(self, at: float, k: int) -> tuple[Labelled | None, str]:
        """The labelled rows that an estimate of cohort ``k`` learns from at a moment, or why there are too few."""
        weight = weights(self._cohorts, self._book, at, MATURE)
        weight[k:] = 0.0
        weight[self._hidden[: len(weight)]] = 0.0
        weight[self._cohorts.own.made.sum(axis=1) == 0] = 0.0
        usable = np.flatnonzero(weight.sum(axis=1) > 0)
        seen = self._cohorts.seen(at)
        rows = (self._cohorts.own.arrived.sum(axis=(1, 2)) * seen).sum(axis=1)[usable]
        enough = int(np.searchsorted(np.cumsum(rows[::-1]), self._wanted.min_labels)) + 1
        keep = usable[-max(BACK * self._wanted.window, enough) :]
        mask = np.zeros(len(weight), dtype=bool)
        mask[keep] = True
        known = labelled(self._cohorts.own, np.where(mask[:, None], weight, 0.0), seen)
        return known, self._too_few(known)

    def _too_few(self, known: Labelled) -> str:
        count = round(known.rows)
        if count < self._wanted.min_labels:
            return f"too few matured labels: {count} of {self._wanted.min_labels}"
        rarer = round(float(known.counts.sum(axis=0).min()))
        if self._wanted.task in TWO_CLASSES and rarer < RARER:
            return f"too few matured labels: {rarer} of the rarer class, {RARER} are needed"
        return ""

    def _record(self, said: Sequence[Estimated], true: Sequence[Estimated], at: float) -> TrackRecord:
        """What was known at a moment of the estimates before it; those on broken inputs prove nothing."""
        if not said:
            return NO_RECORD
        is_old = self._book.come(self._cohorts, at)[: len(said)].min(axis=1) >= MATURE
        chosen = np.flatnonzero(is_old & ~self._hidden[: len(said)]).tolist()
        return record([(said[k], true[k]) for k in chosen])

    def _reason(self, start: float, end: float, cohorts: range, too_few: str, book: TrackRecord) -> str:
        """Why an estimate is not to be believed; empty where nothing speaks against it."""
        for trouble in self._troubles:
            if trouble.disowns and trouble.meets(start, end):
                return trouble.sentence
        for k in cohorts:
            broken = self._remembered.broken.get(float(self._cohorts.starts[k]))
            if broken:
                return broken
        if too_few:
            return too_few
        if book.is_bad(self._wanted.scale):
            return f"the last estimates were off by {book.recent_size:.3f}, as their labels showed"
        return ""

    def _now(
        self, said: Sequence[Estimated], true: Sequence[Estimated]
    ) -> tuple[Told, datetime | None, int, TrackRecord]:
        """The estimate of the newest window."""
        cohorts = self._cohorts
        last = len(cohorts.starts)
        first = max(0, last - self._wanted.window)
        made = cohorts.own.made[first:].sum(axis=0)
        book = self._record(said, true, cohorts.now)
        if not last or not can_estimate(self._wanted.metric) or made.sum() == 0:
            return Told(), None, 0, book
        known, why = self._known(cohorts.now, last)
        start = float(cohorts.starts[first])
        reason = self._reason(start, cohorts.now, range(first, last), why, book)
        found = NOTHING if known is None else self._estimate(known, made)
        return _told(found.wider(book.beyond), reason), _moment(start), int(made.sum()), book

    def _cohort(self, k: int, true: Estimated, told: Told) -> CohortPerformance:
        cohorts = self._cohorts
        made, labels = float(cohorts.live.made[k].sum()), float(cohorts.live.arrived[k].sum())
        has_any = cohorts.live.arrived.sum() > 0
        return CohortPerformance(
            start=_moment(float(cohorts.starts[k])),
            end=_moment(float(cohorts.ends[k])),
            predictions=round(made),
            labels=round(labels),
            share=labels / made if made > 0 else 0.0,
            expected=float(self._book.come(cohorts, cohorts.now)[k].min()) if has_any else None,
            value=_number(true.value),
            low=_number(true.low),
            high=_number(true.high),
            estimate=told,
            is_sound=not self._hidden[k],
        )

    def _trend(self, values: Sequence[Estimated], told: Sequence[Told], true: Sequence[Estimated]) -> Trend | None:
        """Of what was realised, and of estimates that are valid where that is not known yet."""
        if not np.isfinite(self._wanted.floor):
            return None
        level = [one.value if true[k].is_known or told[k].is_valid else float("nan") for k, one in enumerate(values)]
        level = [float("nan") if self._hidden[k] else one for k, one in enumerate(level)]
        middle = (self._cohorts.starts + self._cohorts.ends) / 2
        return trend(middle, np.array(level), self._wanted.floor, lower_is_better=self._wanted.lower_is_better)

    def _arrivals(self) -> Arrivals:
        if self._cohorts.live.arrived.sum() == 0:
            return Arrivals()
        finite = np.isfinite(self._book.ages)
        names = ("negative", "positive") if self._wanted.task in TWO_CLASSES else None
        came = self._cohorts.live.arrived.sum(axis=(0, 1, 3))
        shares = {
            names[k] if names else ("all" if len(came) == 1 else str(k)): tuple(round(float(s), 4) for s in row[finite])
            for k, row in enumerate(self._book.share)
            if came[k] > 0
        }
        return Arrivals(tuple(self._book.ages[finite].tolist()), shares, _number(self._book.ever))


def _told(found: Estimated, reason: str) -> Told:
    if not found.is_known:
        return Told(reason=reason)
    return Told(found.value, found.low, found.high, reason)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
