"""Windows that were reduced before, so that a dashboard that asks again reads only what has come since.

A panel asks for the same day every few seconds, and all of it but the last steps is what it was. What is remembered is
exact: a step is taken from here only while no point at or before it was stored since it was computed, which the writer
of points tells (:meth:`Remembered.stored`). Clients that ask at multiples of their step, as Grafana does, ask for the
same steps again; others ask for other steps, and are answered from the store.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wellkept.store.telemetry.promql.grids import Grid, beside
from wellkept.store.telemetry.promql.steps import Steps

MEMORY = 64 << 20
"""Bytes of grids that are remembered; those go first that were asked for longest ago."""
FEWEST_STEPS = 10
"""Fewer are read as quickly as they are found."""
_NEVER_MS = 1 << 62

Compute = Callable[[Steps], Grid]


@dataclass(slots=True, eq=False)
class _Horizon:
    """``until_ms``: the oldest moment at which points were stored since; steps before it are as they were."""

    until_ms: int = _NEVER_MS


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    steps: Steps
    grid: Grid
    horizon: _Horizon

    @property
    def size(self) -> int:
        return self.grid.values.nbytes + self.grid.present.nbytes

    def before(self, until_ms: int, steps: Steps) -> Steps | None:
        """The first of ``steps``: those that are known and lie before a moment. None where they are too few."""
        first = steps.start_ms - self.steps.start_ms
        if first < 0 or first % steps.step_ms:
            return None
        last_ms = min(self.steps.end_ms, steps.end_ms, until_ms - 1)
        count = (last_ms - steps.start_ms) // steps.step_ms + 1
        return Steps(steps.start_ms, steps.step_ms, count) if 2 * count >= steps.count else None

    def part(self, steps: Steps) -> Grid:
        first = (steps.start_ms - self.steps.start_ms) // steps.step_ms
        columns = slice(first, first + steps.count)
        return Grid(self.grid.series, self.grid.values[:, columns], self.grid.present[:, columns])


class Remembered:
    """Grids by what they are of. May be used from several threads at once."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory, self._lock = memory, threading.Lock()
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._begun: set[_Horizon] = set()

    def stored(self, oldest_ms: int) -> None:
        """Points were stored, the oldest of them at this moment. To be called when readers see them."""
        with self._lock:
            for known in self._known.values():
                known.horizon.until_ms = min(known.horizon.until_ms, oldest_ms)
            for horizon in self._begun:
                horizon.until_ms = min(horizon.until_ms, oldest_ms)

    def grid(self, key: Hashable, steps: Steps, compute: Compute) -> Grid:
        """The grid at some steps, of which ``compute`` gives those that are not known.

        ``key``: all that it depends on beside the steps and the stored points.
        """
        if steps.count < FEWEST_STEPS:
            return compute(steps)
        key = (key, steps.step_ms, steps.start_ms % steps.step_ms)
        with self._reading() as horizon:
            there, old = self._found(key, steps) or (None, None)
            if there is None or old is None:
                grid = compute(steps)
            elif there.count == steps.count:
                return old
            else:
                rest = Steps(there.end_ms + steps.step_ms, steps.step_ms, steps.count - there.count)
                grid = beside([old, compute(rest)])
            self._keep(key, _Known(steps, grid, horizon))
        return grid

    @contextmanager
    def _reading(self) -> Iterator[_Horizon]:
        """What is stored from here on may or may not be seen by what is read, and counts as if it were not."""
        horizon = _Horizon()
        with self._lock:
            self._begun.add(horizon)
        try:
            yield horizon
        finally:
            with self._lock:
                self._begun.discard(horizon)

    def _found(self, key: Hashable, steps: Steps) -> tuple[Steps, Grid] | None:
        with self._lock:
            known = self._known.get(key)
            there = None if known is None else known.before(known.horizon.until_ms, steps)
            if known is None or there is None:
                return None
            self._known.move_to_end(key)
        return there, known.part(there)

    def _keep(self, key: Hashable, known: _Known) -> None:
        if known.size > self._memory // 4:
            return
        for array in (known.grid.values, known.grid.present):
            array.flags.writeable = False
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = known
            size = sum(one.size for one in self._known.values())
            while size > self._memory:
                size -= self._known.popitem(last=False)[1].size
