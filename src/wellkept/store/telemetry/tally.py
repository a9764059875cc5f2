"""Predictions counted block by block: how the values of columns fall into bins, all columns of a block at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_COMPARED = 32
"""By more edges than these a value's bin is searched for; by fewer, comparing with each is faster."""
_ROOM = 1 << 16
"""So many pairs of a column and a word are counted in a table; where there are many more, only those that occur."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The rows of a block, whose steps ascend, as R runs: ``steps`` and ``starts`` int64[R], ``of_row`` int64[n]."""

    steps: Ints
    starts: Ints
    of_row: Ints

    @classmethod
    def of(cls, slots: Ints) -> Self:
        is_first = np.diff(slots, prepend=-1) != 0
        starts = np.flatnonzero(is_first)
        return cls(slots[starts], starts, np.cumsum(is_first) - 1)


class NumberTally:
    """Columns of numbers on a grid of S steps, each by its own edges. NaN is no value.

    Bin ``b`` holds the values above exactly ``b`` edges. ``bins``: int64[columns, S, most edges + 2], of which the last
    holds the rows without a value; ``least`` and ``greatest``: float64[columns, S], NaN where there is no value.
    """

    def __init__(self, steps: int, edges: Sequence[Sequence[float]]) -> None:
        most = max(map(len, edges), default=0)
        self._kind = np.uint8 if most <= _COMPARED else np.int64
        self._edges = np.full((len(edges), most), np.inf)  # nothing is above infinity
        for mine, given in zip(self._edges, edges, strict=True):
            mine[: len(given)] = sorted(given)
        self.bins = np.zeros((len(edges), steps, most + 2), dtype=np.int64)
        self.least, self.greatest = (np.full((len(edges), steps), np.nan) for _ in range(2))

    def add(self, values: Floats, runs: Runs, columns: Sequence[int]) -> None:
        """Count ``values`` of these columns, float64[columns, n]; best where those of a column lie side by side.

        One column after the other stays in the processor's cache.
        """
        count, width = len(runs.steps), self.bins.shape[2]
        first_of_run = runs.of_row * width
        places, keys = np.empty(values.shape[1], dtype=self._kind), np.empty(values.shape[1], dtype=np.int64)
        for column, mine in zip(columns, values, strict=True):
            self._place(mine, self._edges[column], places)
            np.add(first_of_run, places, out=keys)
            found = np.bincount(keys, minlength=count * width)
            self.bins[column, runs.steps] += found.reshape(count, width)
            self._widen(column, mine, runs)

    def _place(self, values: Floats, edges: Floats, places: NDArray[Any]) -> None:
        """Set the bin of each value."""
        is_true = np.isnan(values)
        if len(edges) > _COMPARED:
            places[:] = np.searchsorted(edges, values)
            places[is_true] = len(edges) + 1
            return
        ones = is_true.view(np.uint8)
        np.multiply(ones, len(edges) + 1, out=places)
        for edge in edges:
            np.greater(values, edge, out=is_true)
            np.add(places, ones, out=places)

    def _widen(self, column: int, values: Floats, runs: Runs) -> None:
        for ends, reduce in ((self.least[column], np.fmin), (self.greatest[column], np.fmax)):
            ends[runs.steps] = reduce(ends[runs.steps], reduce.reduceat(values, runs.starts))


class WordTally:
    """Columns of words on a grid of S steps. ``bins``: column to int64[S, categories + 2].

    The last but one holds all other words, the last the rows in which the column has an empty one.
    """

    def __init__(self, steps: int, categories: Mapping[str, Sequence[str]]) -> None:
        self._places = {
            name: {word: at for at, word in reversed(list(enumerate(words)))} for name, words in categories.items()
        }
        self.bins = {name: np.zeros((steps, len(words) + 2), dtype=np.int64) for name, words in categories.items()}
        self._known: dict[str, Ints] = {}
        self._words: list[str] = []

    def add(self, keys: pa.Array, words: pa.Array, runs: Runs) -> None:
        """Count what the rows have: a list of columns and one of words for each, both by a dictionary."""
        widths = np.diff(keys.offsets.to_numpy())
        named, said = keys.flatten(), words.flatten()
        names, spelled = named.dictionary.to_pylist(), said.dictionary.to_pylist()
        if spelled != self._words:
            self._words, self._known = spelled, {}
        shape = (len(runs.steps), len(names), len(spelled))
        pairs = (np.repeat(runs.of_row, widths) * shape[1] + named.indices.to_numpy()) * shape[2]
        pairs += said.indices.to_numpy()
        if np.prod(shape) <= _ROOM + 4 * len(pairs):
            table = np.bincount(pairs, minlength=int(np.prod(shape)))
            pairs = np.flatnonzero(table)
            rows = table[pairs]
        else:
            pairs, rows = np.unique(pairs, return_counts=True)
        at, which, word = np.unravel_index(pairs, shape)
        for code, name in enumerate(names):
            if name in self.bins:
                mine = which == code
                np.add.at(self.bins[name], (runs.steps[at[mine]], self._bins_of(name)[word[mine]]), rows[mine])

    def _bins_of(self, name: str) -> Ints:
        """The bin of each word of the last dictionary in a column."""
        if name not in self._known:
            places = self._places[name]
            others = len(places)
            bins = [others + 1 if word == "" else places.get(word, others) for word in self._words]
            self._known[name] = np.asarray(bins, dtype=np.int64)
        return self._known[name]
