"""Arrays that hold what is remembered of each series: one column a series, under one name each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """An array of ``shape`` for each series; all of it is ``fill`` at first."""

    shape: tuple[int, ...] = ()
    fill: float = 0.0
    dtype: type[np.generic] = np.float32

    def new(self, series: int) -> Array:
        return np.full((*self.shape, series), self.fill, dtype=self.dtype)


Layout = Mapping[str, Slot]
State = dict[str, Array]
"""Name to array; the last axis is the series."""


def fresh(layout: Layout, series: int) -> State:
    return {name: slot.new(series) for name, slot in layout.items()}


def grown(state: State, layout: Layout, series: int) -> State:
    """The state with ``series`` new columns after the others."""
    return {name: np.concatenate((state[name], slot.new(series)), axis=-1) for name, slot in layout.items()}


def kept(state: State, columns: NDArray[np.intp]) -> State:
    """The state of these columns alone, in their order."""
    return {name: np.ascontiguousarray(array[..., columns]) for name, array in state.items()}


def restarted(state: State, layout: Layout, names: tuple[str, ...], columns: NDArray[np.intp]) -> None:
    """Make ``names`` new for some columns, in place."""
    for name in names:
        state[name][..., columns] = layout[name].fill


def bytes_per_series(layout: Layout) -> int:
    return sum(slot.new(1).nbytes for slot in layout.values())
