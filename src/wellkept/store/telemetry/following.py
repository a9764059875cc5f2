"""Reading metrics step after step: each look reads a few newest steps, and knows what counters showed before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.layout import Known, Steps, lay_out
from wellkept.store.telemetry.named import named
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]
Ids = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts of all series, numbered from 0; the series of one entity are in one part."""

    index: int = 0
    count: int = 1


class Described(Protocol):
    """What following needs to know of series."""

    def describe(self, ids: list[int]) -> list[Known]: ...

    def left_out(self, since_ms: int, names: Sequence[str]) -> list[str]: ...


class Following:
    """Reads spans of steps one after the other; where they overlap, the later reading counts.

    A counter's rate needs its value before: the last one before the steps that are read is remembered of every
    counter, however long ago it was seen. Not safe for several threads.
    """

    def __init__(self, engine: Engine, described: Described, shard: Shard = Shard(), names: Sequence[str] = ()) -> None:
        self._engine, self._described, self._shard, self._names = engine, described, shard, names
        self._before = _Before()
        self._read: tuple[Grid, Ids, Steps] | None = None
        self._ids: Ids = np.empty(0, np.uint64)
        self._known: list[Known] = []
        self._series: tuple[SeriesInfo, ...] = ()

    def read(self, start: datetime, end: datetime, step_s: float) -> Window:
        """What ``Metrics.window`` shows of the steps in [start, end), series in the order of their ids.

        Series that go on under another id stay two. While the same series are seen, the window's ``series`` is the
        very same tuple. Steps that were read before and lie before ``start`` are settled by this: what comes for them
        later is not seen.

        Raises:
            StoreError: the engine failed; the next reading may begin where this one did.
        """
        grid = Grid.of(start, end, step_s)
        shard = {"shard": self._shard.index, "shards": self._shard.count}
        left_out = self._described.left_out(grid.start_ms, self._names)
        wanted = {**named(self._names), "left_out": left_out}
        rows = self._engine.query(load("queries/metrics_newest.sql"), {**grid.parameters, **shard, **wanted})
        self._describe(rows)
        self._settle(grid.start_ms)
        values, steps = lay_out(rows, self._known, grid, self._before.of(self._ids))
        self._read = (grid, self._ids, steps)
        return Window(grid.times, values, self._series)

    def _describe(self, rows: pa.Table) -> None:
        ids = np.asarray(rows["series"].to_numpy(), np.uint64)
        if not np.array_equal(ids, self._ids):
            self._known = self._described.describe(ids.tolist())
            self._ids, self._series = ids, tuple(entry.info for entry in self._known)

    def _settle(self, start_ms: int) -> None:
        """Remember the last values of what was read before this moment."""
        if self._read is None:
            return
        grid, ids, steps = self._read
        settled = min(grid.count, max(0, (start_ms - grid.start_ms) // grid.step_ms))
        self._before.note(ids, *steps.newest_of(settled))


class _Before:
    """The last value of each counter and when it was: sorted ids, and two arrays beside them."""

    def __init__(self) -> None:
        self._ids: Ids = np.empty(0, np.uint64)
        self._last: Floats = np.empty(0)
        self._at: Floats = np.empty(0)

    def of(self, ids: Ids) -> tuple[Floats, Floats]:
        """Values and times (seconds) of these series, NaN where none is known."""
        last, at = np.full(len(ids), np.nan), np.full(len(ids), np.nan)
        if len(self._ids):
            place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            there = self._ids[place] == ids
            last[there], at[there] = self._last[place[there]], self._at[place[there]]
        return last, at

    def note(self, ids: Ids, last: Floats, at: Floats) -> None:
        """Newer values of series with distinct, sorted ids; NaN changes nothing."""
        seen = np.isfinite(at)
        if np.array_equal(ids, self._ids):
            self._last[seen], self._at[seen] = last[seen], at[seen]
            return
        ids, last, at = ids[seen], last[seen], at[seen]
        kept = ~np.isin(self._ids, ids, assume_unique=True)
        merged = np.concatenate([self._ids[kept], ids])
        order = np.argsort(merged)
        self._ids = merged[order]
        self._last = np.concatenate([self._last[kept], last])[order]
        self._at = np.concatenate([self._at[kept], at])[order]
