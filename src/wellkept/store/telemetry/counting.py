"""Predictions counted by the engine: how the values of a version's columns fall into bins, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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

SCORE = ""
"""The name under which scores stand beside the inputs."""
AT_ONCE = 9
"""So many edges of each input does one statement count by."""
TOPS, TOP_ROWS = 8, 500
"""So many of the most common values of an input are kept of a step, told by about so many rows of it."""
MOST_ROWS = 20_000
"""By about so many rows the most common value of a whole window is told."""
_HIGHEST = float(np.finfo(np.float64).max)
LIMIT_S = 600.0

Yardstick = Mapping[str, Sequence[float] | Sequence[str]]
"""By column: the edges between its bins, or, of a column of words, the categories."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
        self._scores(bound, yardstick, counts)
        if not counts.rows.any():
            return counts
        plain = {
            name: [float(edge) for edge in parts]
            for name, parts in yardstick.items()
            if name != SCORE and not is_words(parts)
        }
        if plain or with_tops:
            for names in self._read("counted_names", bound)["names"].to_pylist():
                if names:
                    self._numbers(bound, names, plain, counts)
                else:
                    self._maps(bound, plain, counts)
        words = {name: [str(part) for part in parts] for name, parts in yardstick.items() if is_words(parts)}
        if words:
            self._words(bound, words, counts)
        if with_tops:
            self._tops(bound, counts)
        return counts

    def tops(self, asked: Asked, grid: Grid) -> dict[str, tuple[float, float]]:
        """Each numeric input's most common value on the whole grid, and its share of the values that are there."""
        rows = int(self._read("counted_scores", {**_whole(grid, asked), "score_edges": []})["rows"].to_numpy().sum())
        every = [max(1, math.ceil(rows / MOST_ROWS))]
        found = self._read("counted_tops", {**_whole(grid, asked), "every": every, "most": 1})
        shares = zip(found["tops"].to_pylist(), found["top_rows"].to_pylist(), found["rows"].to_pylist(), strict=True)
        pairs = ((values[0], times[0] / known) for values, times, known in shares)
        return dict(zip(found["column"].to_pylist(), pairs, strict=True))

    def _read(self, name: str, bound: Mapping[str, object]) -> pa.Table:
        return self._engine.query(load(f"queries/{name}.sql"), bound, limit_s=LIMIT_S)

    def _scores(self, bound: Mapping[str, object], yardstick: Yardstick, counts: Counts) -> None:
        edges = [float(edge) for edge in yardstick.get(SCORE, ())]
        found = self._read("counted_scores", {**bound, "score_edges": edges})
        slots, rows = ints(found, "slot"), ints(found, "rows")
        counts.rows[slots] = rows
        counts.answered[slots] = ints(found, "answered")
        if SCORE in yardstick:
            counts.bins[SCORE][slots] = _between(rows[:, None], [wide(found, "above", len(edges))], len(edges))[:, 0]
            counts.least[SCORE][slots] = numbers(found["least"])
            counts.greatest[SCORE][slots] = numbers(found["greatest"])

    def _numbers(
        self, bound: Mapping[str, object], names: str, plain: Mapping[str, list[float]], counts: Counts
    ) -> None:
        """The rows whose inputs have these names, all inputs at once."""
        called = names.split(APART)
        places = [(place, name) for place, name in enumerate(called) if name in plain]
        if not places:
            return
        most = max(len(plain[name]) for _, name in places)
        above: list[Ints] = []
        for first in range(0, max(most, 1), AT_ONCE):
            found = self._read("counted_numbers", {**bound, "names": names, **_edges(called, plain, first)})
            above += [wide(found, f"above_{index}", len(called)) for index in range(AT_ONCE)]
        slots, nulls = ints(found, "slot"), wide(found, "nulls", len(called))
        least, greatest = (wide(found, end, len(called), np.float64) for end in ("least", "greatest"))
        known = ints(found, "rows")[:, None] - nulls
        between = _between(known, above, most)
        for place, name in places:
            counts.bins[name][slots] += between[:, place, : len(plain[name]) + 1]
            counts.nulls[name][slots] += nulls[:, place]
            _widen(counts, name, slots, least[:, place], greatest[:, place])

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

    def _words(self, bound: Mapping[str, object], words: Mapping[str, list[str]], counts: Counts) -> None:
        columns = sorted(words)
        found = self._read("counted_words", {**bound, "columns": columns, "words": [words[name] for name in columns]})
        for name, mine in by_column(found):
            slots, places, rows = ints(mine, "slot"), ints(mine, "place"), ints(mine, "rows")
            known = places >= 0
            counts.bins[name][slots[known], (places[known] - 1) % (len(words[name]) + 1)] += rows[known]
            counts.nulls[name][slots[~known]] += rows[~known]

    def _tops(self, bound: Mapping[str, object], counts: Counts) -> None:
        every = [max(1, math.ceil(rows / TOP_ROWS)) for rows in counts.rows.tolist()]
        found = self._read("counted_tops", {**bound, "every": every, "most": TOPS})
        columns, slots = found["column"].to_pylist(), found["slot"].to_pylist()
        for name, slot, tops, rows in zip(
            columns, slots, found["tops"].to_pylist(), found["top_rows"].to_pylist(), strict=True
        ):
            counts.tops.setdefault(name, {})[slot] = (tops, rows)


def _whole(grid: Grid, asked: Asked) -> dict[str, object]:
    """One step that is the whole grid."""
    return {**grid.parameters, "step": max(1, grid.end_ms - grid.start_ms), **asked.parameters}


def _edges(called: Sequence[str], plain: Mapping[str, list[float]], first: int) -> dict[str, list[float]]:
    """Some edges of every input by their place; where an input has none more, nothing lies above."""
    return {
        f"edges_{index}": [
            edges[first + index] if len(edges := plain.get(name, [])) > first + index else _HIGHEST for name in called
        ]
        for index in range(AT_ONCE)
    }


def _between(known: Ints, above: Sequence[Ints], edges: int) -> Ints:
    """Bins from how many lie above each edge: [S, W, edges + 1]. A list of one holds them as [S, edges]."""
    stacked = (
        above[0][:, None, :] if len(above) == 1 else np.stack(list(above[:edges]) or [np.zeros_like(known)], axis=2)
    )
    stacked = stacked[:, :, :edges]
    ends = np.zeros((*stacked.shape[:2], 1), dtype=np.int64)
    whole = np.broadcast_to(known[:, :, None], ends.shape)
    return np.asarray(-np.diff(np.concatenate([whole, stacked, ends], axis=2), axis=2))


def _widen(counts: Counts, name: str, slots: Ints, least: Floats, greatest: Floats) -> None:
    counts.least[name][slots] = np.fmin(counts.least[name][slots], least)
    counts.greatest[name][slots] = np.fmax(counts.greatest[name][slots], greatest)


def by_column(found: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    columns = np.asarray(found["column"].to_pylist(), dtype=object)
    for name in dict.fromkeys(columns.tolist()):
        yield name, found.filter(pa.array(columns == name))


def ints(found: pa.Table, name: str) -> Ints:
    return np.asarray(found[name].to_numpy(), dtype=np.int64)


def wide(found: pa.Table, name: str, width: int, kind: Any = np.int64) -> NDArray[Any]:
    """A column of lists that are all of one length: [rows, width]."""
    return numbers(found[name]).astype(kind).reshape(found.num_rows, width)
