"""How fast an error budget burns: sums over windows, over one moment or a whole history at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.rules.slo.base import Calendar, Slo
from wellkept.ops.detect.rules.slo.counts import Counts
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Running sums of what counts in an objective: events, or slices of time. Both arrays: float64[T + 1], from 0."""

    steps: Steps
    bad: Numbers
    total: Numbers

    @classmethod
    def of(cls, slo: Slo, counts: Counts) -> Sums:
        """Minutes of which nothing is known count for nothing: they burn no budget, and they earn none."""
        bad, total = counts.bad, counts.total
        if slo.slices is not None:
            bad, total = _sliced(counts, slo.slices.step_s, 1.0 - slo.slices.target)
        return cls(counts.steps, _running(bad), _running(total))

    def share(self, window_s: float) -> Numbers:
        """The bad share over the window that ends at each step, float64[T]; NaN where nothing happened in it."""
        back = max(1, round(window_s * 1000 / self.steps.step_ms))
        last = np.arange(1, self.steps.count + 1)
        return self._between(np.maximum(last - back, 0), last)

    def since(self, moments_ms: NDArray[np.int64]) -> Numbers:
        """The bad share from a moment for each step until that step."""
        last = np.arange(1, self.steps.count + 1)
        first = np.clip((moments_ms - self.steps.start_ms) // self.steps.step_ms + 1, 0, last)
        return self._between(first, last)

    def _between(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> Numbers:
        total = self.total[last] - self.total[first]
        bad = self.bad[last] - self.bad[first]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(total > 0, np.clip(bad / total, 0.0, 1.0), np.nan))


def _running(values: Numbers) -> Numbers:
    return np.concatenate([[0.0], np.cumsum(np.nan_to_num(values, nan=0.0))])


def _sliced(counts: Counts, slice_s: float, may_fail: float) -> tuple[Numbers, Numbers]:
    """Slices as events: each stands at its last step, and is bad where more of it is than may be."""
    number = (counts.steps.millis - 1) // round(slice_s * 1000)
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    total = np.add.reduceat(np.nan_to_num(counts.total, nan=0.0), starts)
    bad = np.add.reduceat(np.nan_to_num(counts.bad, nan=0.0), starts)
    ends = np.append(starts[1:], counts.steps.count) - 1
    sliced_bad, sliced_total = np.zeros(counts.steps.count), np.zeros(counts.steps.count)
    is_bad = bad > may_fail * total + 1e-12
    sliced_total[ends], sliced_bad[ends] = total > 0, is_bad & (total > 0)
    return sliced_bad, sliced_total


def remaining(slo: Slo, sums: Sums) -> Numbers:
    """What is left of the budget at each step: 1 is all of it, below 0 it is overdrawn; NaN where nothing is known.

    Over a rolling window: of the events in it. Over a period of the calendar the budget is that of the whole period,
    taken to go on as it has so far.
    """
    if slo.calendar is None:
        return 1.0 - sums.share(slo.window_s) / slo.budget
    begins, ends = _periods(sums.steps, slo.calendar, slo.zone)
    elapsed = np.clip((sums.steps.millis - begins) / np.maximum(ends - begins, 1), 1e-9, 1.0)
    return np.asarray(1.0 - sums.since(begins) * elapsed / slo.budget)


def period(moment: datetime, calendar: Calendar, zone: str) -> tuple[datetime, datetime]:
    """The period of the calendar that a moment lies in."""
    local = moment.astimezone(ZoneInfo(zone))
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    match calendar:
        case "day":
            begin, end = day, day + timedelta(days=1)
        case "week":
            begin = day - timedelta(days=day.weekday())
            end = begin + timedelta(days=7)
        case "month" | "quarter" | "year":
            months = {"month": 1, "quarter": 3, "year": 12}[calendar]
            begin = day.replace(day=1, month=(day.month - 1) // months * months + 1)
            after = begin.month - 1 + months
            end = begin.replace(year=begin.year + after // 12, month=after % 12 + 1)
    return begin.astimezone(UTC), end.astimezone(UTC)


def _periods(steps: Steps, calendar: Calendar, zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    begins, ends = np.empty(steps.count, np.int64), np.empty(steps.count, np.int64)
    begin = end = 0
    for index, at in enumerate(steps.millis.tolist()):
        if not begin < at <= end:
            inside = datetime.fromtimestamp((at - 1) / 1000, UTC)
            begin, end = (round(one.timestamp() * 1000) for one in period(inside, calendar, zone))
        begins[index], ends[index] = begin, end
    return begins, ends


def burning(slo: Slo, sums: Sums) -> Sequence[NDArray[np.bool_]]:
    """For each of the objective's burn rates, whether both of its windows burn at least so fast; bool[T] each."""
    found = []
    for burn in slo.burns:
        limit = burn.rate * slo.budget
        with np.errstate(invalid="ignore"):
            found.append((sums.share(burn.long_s) >= limit) & (sums.share(burn.short_s) >= limit))
    return found
