"""Predictions counted by the engine: how the values of a version's columns fall into bins, step by step."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.inputs import APART
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.tally import Floats, Ints, NumberTally, Runs, WordTally

SCORE = ""
"""The name under which scores stand beside the inputs."""
TOPS, TOP_ROWS = 8, 500
"""So many of the most common values of an input are kept of a step, told by about so many rows of it."""
MOST_ROWS = 20_000
"""By about so many rows the most common value of a whole window is told."""
LIMIT_S = 600.0

Yardstick = Mapping[str, Sequence[float] | Sequence[str]]
"""By column: the edges between its bins, or, of a column of words, the categories."""
_STATEMENTS = {
    (False, False): "counted_scores",
    (True, False): "counted_numbers",
    (False, True): "counted_words",
    (True, True): "counted_columns",
}
"""By whether there are columns of numbers, and of words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose predictions are counted; ``slice`` is a column and a value, or two empty texts for all."""

    model: str
    version: str
    slice: tuple[str, str] = ("", "")

    @property
    def parameters(self) -> dict[str, object]:
        return {"model": self.model, "version": self.version, "slice": self.slice[0], "value": self.slice[1]}


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What there is on a grid of S steps. ``rows``, ``answered`` (not only tried): int64[S].

    ``bins``: column to int64[S, bins]; ``nulls``: column to int64[S]; ``least``, ``greatest``: of columns of numbers,
    float64[S], NaN where there is no value. ``tops``: column to step to its most common values and their rows.
    """

    rows: Ints
    answered: Ints
    bins: dict[str, Ints]
    nulls: dict[str, Ints]
    least: dict[str, Floats]
    greatest: dict[str, Floats]
    tops: dict[str, dict[int, tuple[list[float], list[int]]]] = field(default_factory=dict)

    @classmethod
    def empty(cls, steps: int, yardstick: Yardstick) -> Counts:
        def zeros(*shape: int) -> Ints:
            return np.zeros(shape, dtype=np.int64)

        plain = [name for name, parts in yardstick.items() if not is_words(parts)]
        return cls(
            zeros(steps),
            zeros(steps),
            {name: zeros(steps, len(parts) + 1) for name, parts in yardstick.items()},
            {name: zeros(steps) for name in yardstick},
            {name: np.full(steps, np.nan) for name in plain},
            {name: np.full(steps, np.nan) for name in plain},
        )


def is_words(parts: Sequence[float] | Sequence[str]) -> bool:
    """Whether these are categories, and not edges; a column without either is one of numbers."""
    return len(parts) > 0 and isinstance(parts[0], str)


class Counting:
    """Counts rows. A prediction that was written twice counts once. Memory does not grow with the rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, asked: Asked, grid: Grid, yardstick: Yardstick, *, with_tops: bool = False) -> Counts:
        """Count the columns of ``yardstick``; with ``SCORE`` among them or not, ``rows`` and ``answered`` are there.

        Bin ``b`` of numbers holds the values above exactly ``b`` edges; of words, the last bin holds all others.
        """
        counts = Counts.empty(grid.count, yardstick)
        bound = {**grid.parameters, **asked.parameters}
        columns = _Columns(yardstick, counts)
        statement = load(f"queries/{columns.statement}.sql")
        with (
            contextlib.closing(self._engine.blocks(statement, bound, limit_s=LIMIT_S)) as blocks,
            ThreadPoolExecutor(1, "predictions") as reading,  # the next block is read while one is counted
        ):
            ahead = reading.submit(next, blocks, None)
            while (block := ahead.result()) is not None:
                ahead = reading.submit(next, blocks, None)
                columns.add(block)
        columns.close()
        if columns.has_maps:
            self._maps(bound, columns.plain, counts)
        if with_tops and counts.rows.any():
            self._tops(bound, counts)
        return counts

    def tops(self, asked: Asked, grid: Grid) -> dict[str, tuple[float, float]]:
        """Each numeric input's most common value on the whole grid, and its share of the values that are there."""
        whole = _whole(grid, asked)
        rows = self._read("counted", whole)["rows"][0].as_py()
        found = self._read("counted_tops", {**whole, **_drawn(np.array([rows]), MOST_ROWS), "most": 1})
        shares = zip(found["tops"].to_pylist(), found["top_rows"].to_pylist(), found["rows"].to_pylist(), strict=True)
        pairs = ((values[0], times[0] / known) for values, times, known in shares)
        return dict(zip(found["column"].to_pylist(), pairs, strict=True))

    def _read(self, name: str, bound: Mapping[str, object]) -> pa.Table:
        return self._engine.query(load(f"queries/{name}.sql"), bound, limit_s=LIMIT_S)

    def _maps(self, bound: Mapping[str, object], plain: Mapping[str, list[float]], counts: Counts) -> None:
        columns = sorted(plain)
        found = self._read("counted_maps", {**bound, "columns": columns, "edges": [plain[name] for name in columns]})
        for name, mine in by_column(found):
            slots, places, rows = ints(mine, "slot"), ints(mine, "bin"), ints(mine, "rows")
            known = places >= 0
            counts.bins[name][slots[known], places[known]] += rows[known]
            counts.nulls[name][slots[~known]] += rows[~known]
            np.fmin.at(counts.least[name], slots[known], numbers(mine["least"])[known].astype(np.float64))
            np.fmax.at(counts.greatest[name], slots[known], numbers(mine["greatest"])[known].astype(np.float64))

    def _tops(self, bound: Mapping[str, object], counts: Counts) -> None:
        found = self._read("counted_tops", {**bound, **_drawn(counts.rows, TOP_ROWS), "most": TOPS})
        columns, slots = found["column"].to_pylist(), found["slot"].to_pylist()
        for name, slot, tops, rows in zip(
            columns, slots, found["tops"].to_pylist(), found["top_rows"].to_pylist(), strict=True
        ):
            counts.tops.setdefault(name, {})[slot] = (tops, rows)


class _Columns:
    """The columns of a yardstick, counted block by block of stored rows; ``close`` gives ``counts`` what was found."""

    def __init__(self, yardstick: Yardstick, counts: Counts) -> None:
        self._counts, self._steps = counts, len(counts.rows)
        numbers = {name: [float(edge) for edge in parts] for name, parts in yardstick.items() if not is_words(parts)}
        words = {name: [str(part) for part in parts] for name, parts in yardstick.items() if is_words(parts)}
        self.plain = {name: edges for name, edges in numbers.items() if name != SCORE}
        self.has_maps = False
        """Whether there were rows whose numbers are stored as a map: these are not counted here."""
        self._scores = NumberTally(self._steps, [numbers[SCORE]] if SCORE in numbers else [])
        self._numbers = NumberTally(self._steps, list(self.plain.values()))
        self._places = {name: place for place, name in enumerate(self.plain)}
        self._words = WordTally(self._steps, words)
        self._memory: Floats = np.empty(0)
        self.statement = _STATEMENTS[bool(self.plain), bool(words)]

    def add(self, block: pa.RecordBatch) -> None:
        """Count a block with the columns of :attr:`statement`."""
        slots = block["slot"].to_numpy().astype(np.int64)
        if (np.diff(slots) < 0).any():
            order = np.argsort(slots, kind="stable")
            slots, block = slots[order], block.take(pa.array(order))
        runs = Runs.of(slots)
        self._counts.rows[runs.steps] += np.diff(runs.starts, append=len(slots))
        self._counts.answered[runs.steps] += np.add.reduceat(block["is_given"].to_numpy().astype(np.int64), runs.starts)
        if SCORE in self._counts.least:
            self._scores.add(block["score"].to_numpy()[None, :], runs, [0])
        if self.plain:
            self._add_numbers(block, slots)
        if "categories.keys" in block.schema.names:
            self._words.add(block["categories.keys"], block["categories.values"], runs)

    def _add_numbers(self, block: pa.RecordBatch, slots: Ints) -> None:
        """The rows whose inputs are called alike at once."""
        codes, names = block["names"].indices.to_numpy(), block["names"].dictionary
        for code in np.unique(codes):
            mine = codes == code
            called = names[int(code)].as_py().split(APART)
            if called == [""]:
                self.has_maps = True
                continue
            places = [place for place, name in enumerate(called) if name in self._places]
            lists = block["inputs"] if mine.all() else block["inputs"].filter(pa.array(mine))
            rows = lists.flatten().to_numpy().reshape(-1, len(called)).T
            columns = [self._places[called[place]] for place in places]
            values = self._side_by_side(rows if len(places) == len(called) else rows[places])
            self._numbers.add(values, Runs.of(slots[mine]), columns)

    def _side_by_side(self, rows: Floats) -> Floats:
        """A copy whose columns are whole, in memory that is used again."""
        size = rows.size
        if size > len(self._memory):
            self._memory = np.empty(size)
        values = self._memory[:size].reshape(rows.shape)
        values[:] = rows
        return values

    def close(self) -> None:
        """There are no more blocks."""
        counts = self._counts
        for tally, names in ((self._scores, [SCORE] if SCORE in counts.least else []), (self._numbers, self.plain)):
            for at, name in enumerate(names):
                counts.bins[name] = tally.bins[at, :, : counts.bins[name].shape[1]]
                counts.nulls[name] = tally.bins[at, :, -1]
                counts.least[name], counts.greatest[name] = tally.least[at], tally.greatest[at]
        for name, bins in self._words.bins.items():
            counts.bins[name], counts.nulls[name] = bins[:, :-1], bins[:, -1]


def _drawn(rows: Ints, most: int) -> dict[str, object]:
    """The steps of which not all rows are looked at, and one in how many of them is."""
    steps = np.flatnonzero(rows > most)
    return {"steps": [0, *steps.tolist()], "drawn": [max(1, math.ceil(n / most)) for n in rows[[0, *steps]].tolist()]}


def _whole(grid: Grid, asked: Asked) -> dict[str, object]:
    """One step that is the whole grid."""
    return {**grid.parameters, "step": max(1, grid.end_ms - grid.start_ms), **asked.parameters}


def by_column(found: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    columns = np.asarray(found["column"].to_pylist(), dtype=object)
    for name in dict.fromkeys(columns.tolist()):
        yield name, found.filter(pa.array(columns == name))


def ints(found: pa.Table, name: str) -> Ints:
    return np.asarray(found[name].to_numpy(), dtype=np.int64)


def wide(found: pa.Table, name: str, width: int, kind: Any = np.int64) -> NDArray[Any]:
    """A column of lists that are all of one length: [rows, width]."""
    return numbers(found[name]).astype(kind).reshape(found.num_rows, width)
