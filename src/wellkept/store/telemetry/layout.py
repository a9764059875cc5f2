"""From rows of (series, steps, values) to values on a grid: one scatter each for what is last, when, and in total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.window import SeriesInfo

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a series, and how its stored values become shown values.

    ``identity`` is alike for series that are called the same and differ only in who tells of them.
    """

    info: SeriesInfo
    is_counter: bool
    is_delta: bool
    identity: int


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The last values and their times (seconds) in each step, of counters alone: [T + 1, C], with what was before in
    row 0. ``columns``: which of ``count`` series the counters are.
    """

    last: Floats
    at: Floats
    columns: NDArray[np.intp]
    count: int

    def newest_of(self, steps: int) -> tuple[Floats, Floats]:
        """The last value, and its time, of every series in or before its first so many steps; NaN without."""
        last, at = np.full(self.count, np.nan), np.full(self.count, np.nan)
        if len(self.columns):
            row = _seen_before(self.last)[steps]
            picked, there = np.maximum(row, 0), np.arange(len(row))
            last[self.columns] = np.where(row >= 0, self.last[picked, there], np.nan)
            at[self.columns] = np.where(row >= 0, self.at[picked, there], np.nan)
        return last, at


def lay_out(
    rows: pa.Table, known: Sequence[Known], grid: Grid, before: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Steps]:
    """The shown values on the grid, [grid.count, series], and what of counters was stored.

    ``rows``: ``steps``, ``lasts``, ``ats`` and ``totals`` of each series; step 0 is what lies before the grid, unless
    ``before`` tells last values and times.
    """
    lengths = np.diff(rows["steps"].combine_chunks().offsets.to_numpy())
    column = np.repeat(np.arange(len(known)), lengths)
    step = numbers(rows["steps"]).astype(np.int64)
    last = np.full((grid.count + 1, len(known)), np.nan)
    last[step, column] = numbers(rows["lasts"])
    counters = np.flatnonzero(np.array([entry.is_counter for entry in known], dtype=bool))
    deltas = np.array([entry.is_delta for entry in known], dtype=bool)
    values = last[1:].copy()
    at = np.full((grid.count + 1, len(known)) if len(counters) else (grid.count + 1, 0), np.nan)
    if len(counters):
        at[step, column] = numbers(rows["ats"])
    if before is not None:
        last[0] = before[0]
        at[0] = before[1][: at.shape[1]]
    steps = Steps(last[:, counters], at[:, counters], counters, len(known))
    if len(counters):
        values[:, counters] = rates(steps.last, steps.at)
    if deltas.any():
        total = np.full(last.shape, np.nan)
        total[step, column] = numbers(rows["totals"])
        values[:, deltas] = total[1:, deltas] / grid.step_s
    values[~np.isfinite(values)] = np.nan
    return values, steps


def rates(last: Floats, at: Floats) -> Floats:
    """Increase per second between one seen value and the one seen before it, gaps left out; [T + 1, S] -> [T, S].

    A value below the one before is a restart of the counter, and then the increase is the new value.
    """
    before = _seen_before(last)[:-1]
    has_before = before >= 0
    picked = np.maximum(before, 0)
    value_before = np.take_along_axis(last, picked, axis=0)
    elapsed = at[1:] - np.take_along_axis(at, picked, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # samples may be infinite, and gaps are no numbers
        increase = last[1:] - value_before
        increase = np.where(increase < 0, last[1:], increase)
        rate = increase / elapsed
    return np.where(np.isfinite(last[1:]) & has_before & (elapsed > 0), rate, np.nan)


def _seen_before(last: Floats) -> NDArray[np.intp]:
    """The row of the newest value in or before each row, -1 where there is none: [T + 1, S]."""
    row = np.where(np.isfinite(last), np.arange(len(last))[:, None], -1)
    return np.maximum.accumulate(row, axis=0)
