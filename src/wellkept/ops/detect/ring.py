"""The newest steps of many series in one array that moves on, so that a look costs what is new and not all there is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.continued import joined
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]

SPARE = 4
"""A quarter of the steps is spare room: the array is moved to its beginning once in so many steps, not at each."""


class Ring:
    """Keeps the newest ``steps`` steps of every series that was seen in them.

    ``values``: float64[steps + spare, capacity], a column a series; windows are read-only slices of it as long as
    every column was seen in them. Values are kept in double precision: a point in time as a number of seconds moves
    by less than single precision can tell. Not safe for several threads.
    """

    def __init__(self, steps: int, step_s: float) -> None:
        self._steps, self._step_s = steps, step_s
        self._values: Floats = np.full((steps + max(1, steps // SPARE), 0), np.nan)
        self._first = 0
        self._end: int | None = None
        self._infos: list[SeriesInfo] = []
        self._slots: dict[int, int] = {}
        self._last: NDArray[np.int64] = np.empty(0, np.int64)
        self._alike: dict[tuple[object, ...], list[int]] = {}
        self._put: tuple[tuple[SeriesInfo, ...], Slots] = ((), np.empty(0, np.intp))
        self._shown: tuple[Slots, tuple[SeriesInfo, ...]] = (np.empty(0, np.intp), ())

    @property
    def end(self) -> int | None:
        """The number of the newest step that is held: its end in steps since the epoch; None before the first."""
        return self._end

    @property
    def bytes(self) -> int:
        """What the array takes."""
        return self._values.nbytes

    def put(self, window: Window) -> None:
        """Lay steps over what is held, and move on to their last.

        ``window``: steps that follow each other on the ring's grid, the first not after the one that follows on the
        newest held. What lies before the ring's oldest step after that is left out.

        Raises:
            InputError: the steps would leave a hole.
        """
        count = len(window.times)
        if count == 0:
            return
        end = round(float(window.times[-1]) / self._step_s)
        if self._end is not None and end - count > self._end:
            raise InputError("ring", f"the step after {self._end} must come next", end - count + 1)
        self._advance(end)
        slots = self._slots_of(window.series)
        fits = min(count, self._steps - (self._newest - end))
        row = self._first + self._steps - (self._newest - end) - fits
        block = window.values[count - fits :]
        self._values[row : row + fits, slots] = block
        seen = np.isfinite(block)
        newest = end - np.argmax(seen[::-1], axis=0)
        self._last[slots] = np.maximum(self._last[slots], np.where(seen.any(axis=0), newest, 0))

    def window(self) -> Window:
        """The steps held, of every series that was seen in them; series that go on under another id are one.

        While the same series are shown, ``series`` is the very same tuple.
        """
        if self._end is None:
            return Window(np.empty(0), np.empty((0, 0)), ())
        times = self._step_s * np.arange(self._end - self._steps + 1, self._end + 1).astype(np.float64)
        held = self._values[self._first : self._first + self._steps, : len(self._infos)]
        columns = np.flatnonzero(self._last > self._end - self._steps)
        doubles = [slots for slots in self._alike.values() if len(slots) > 1]
        if doubles:
            held, columns = self._joined(held, columns, doubles)
        elif len(columns) < len(self._infos):
            held = held[:, columns]
        held.flags.writeable = False
        if not np.array_equal(columns, self._shown[0]):
            self._shown = (columns, tuple(self._infos[slot] for slot in columns.tolist()))
        return Window(times, held, self._shown[1])

    @property
    def _newest(self) -> int:
        assert self._end is not None
        return self._end

    def _advance(self, end: int) -> None:
        """Make ``end`` the newest step, unless it is in the past already."""
        moved = self._steps if self._end is None else min(self._steps, max(0, end - self._end))
        self._end = end if self._end is None else max(self._end, end)
        if self._first + self._steps + moved > len(self._values):
            kept = self._values[self._first + moved : self._first + self._steps].copy()
            self._values[: len(kept)] = kept
            self._first = 0
            self._values[len(kept) : self._steps] = np.nan
        else:
            self._values[self._first + self._steps : self._first + self._steps + moved] = np.nan
            self._first += moved
        self._forget()

    def _forget(self) -> None:
        """Give up the columns that were not seen in the whole ring, when they are a good part of all."""
        gone = self._last <= self._newest - self._steps
        if gone.sum() <= max(8, len(gone) // 8):
            return
        kept = np.flatnonzero(~gone)
        self._values = self._values[:, kept]
        self._last = self._last[kept]
        self._infos = [self._infos[slot] for slot in kept.tolist()]
        self._slots = {info.id: slot for slot, info in enumerate(self._infos)}
        self._alike = {}
        for slot, info in enumerate(self._infos):
            self._alike.setdefault(identity(info), []).append(slot)
        self._put, self._shown = ((), np.empty(0, np.intp)), (np.empty(0, np.intp), ())

    def _slots_of(self, series: tuple[SeriesInfo, ...]) -> Slots:
        if series is self._put[0]:
            return self._put[1]
        for info in series:
            if info.id not in self._slots:
                self._slots[info.id] = len(self._infos)
                self._alike.setdefault(identity(info), []).append(len(self._infos))
                self._infos.append(info)
        self._make_room(len(self._infos))
        slots = np.fromiter((self._slots[info.id] for info in series), np.intp, len(series))
        self._put = (series, slots)
        return slots

    def _make_room(self, count: int) -> None:
        more = count - len(self._last)
        if more > 0:
            self._last = np.concatenate([self._last, np.zeros(more, np.int64)])
        if count > self._values.shape[1]:
            capacity = count + count // 8
            grown = np.full((len(self._values), capacity), np.nan)
            grown[:, : self._values.shape[1]] = self._values
            self._values = grown

    def _joined(self, held: Floats, columns: Slots, doubles: list[list[int]]) -> tuple[Floats, Slots]:
        """A copy in which columns that go on under another id are one, and which columns are left."""
        shown = set(columns.tolist())
        alike = [(slot, number) for number, slots in enumerate(doubles) for slot in slots if slot in shown]
        slots = [slot for slot, _ in alike]
        values, kept = joined(held[:, slots], [number for _, number in alike])
        left = [slots[column] for column in kept]
        columns = np.array(sorted(shown - (set(slots) - set(left))), np.intp)
        result = held[:, columns]
        result[:, np.searchsorted(columns, left)] = values
        return result, columns


def identity(info: SeriesInfo) -> tuple[object, ...]:
    """What is alike for series that are called the same and differ only in who tells of them."""
    own, resource = frozenset(info.attributes.items()), frozenset(info.resource_attributes.items())
    return (info.name, info.unit, info.kind, info.entity, own, resource)
