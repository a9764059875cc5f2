"""Patterns of the lines that arrive: counted in the engine, named here, and read back as a window for detectors."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.redact import redact
from wellkept.ops.detect.patterns.bodies import content
from wellkept.ops.detect.patterns.known import Known
from wellkept.ops.detect.patterns.masks import shape_of
from wellkept.ops.detect.patterns.miner import MOST_SHAPES, Miner, Pattern, shape_id
from wellkept.ops.detect.patterns.restore import values_of
from wellkept.ops.detect.patterns.series import Told, Value, pattern_window
from wellkept.ops.detect.patterns.values import OTHER, is_counted, label
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.patterns import COUNTS, SHAPES, VALUES, PatternStore
from wellkept.store.telemetry.window import Window

LAG = timedelta(seconds=2)
"""Lines are counted when they have been there for so long: what was received before is stored by then."""
CATCH_UP = timedelta(hours=1)
"""Lines that were received longer ago when counting begins are not counted."""
CHUNK = timedelta(minutes=5)
MOST_CHUNKS = 4
"""At most so many pieces of so long in one tick, so that what lies behind does not hold the rest up."""
SAMPLES = 8
"""Lines that are looked at of each key, step and entity."""
MOST_SAMPLED = 1000
"""Lines whose values are counted in one tick."""
MOST_VALUES = 24
"""Different values that are told apart of one parameter."""
MOST_LINES = 10_000
"""Of so many values of parameters the last line is kept."""
STORED_SAMPLES = 8

_log = logging.getLogger(__name__)


class Patterns:
    """``tick`` counts what was received since the last one; ``window`` shows steps of counts.

    Counting is one statement over the new lines; only a line of each new key is masked. What is known is stored, so
    that a restart gives the same ids. Not for several threads at once: both are called by the loop of detection.
    """

    def __init__(
        self, store: PatternStore, step_s: float, miner: Miner | None = None, *, recorded: bool = False
    ) -> None:
        """``recorded``: what is counted is a recording, and none of its lines comes late."""
        self._store, self._step_s, self._recorded = store, step_s, recorded
        self._miner = miner or Miner()
        self._counted = 0
        self._patterns: dict[int, Pattern] = {}
        self._told: dict[int, Told] = {}
        self._noted: dict[int, tuple[int, str]] = {}
        self._labels: dict[tuple[int, str], set[str]] = {}
        self._lines: Known[Value, str] = Known(MOST_LINES)
        self._is_loaded = False

    @property
    def evicted(self) -> int:
        """Keys and shapes that were forgotten for want of room."""
        return self._miner.evicted

    def tick(self, now: datetime) -> int:
        """Count what was received until shortly before ``now``; gives the number of lines."""
        self._load(now)
        until, total, chunks = to_nanos(now - LAG), 0, 0
        while self._counted < until and chunks < MOST_CHUNKS:
            end = min(until, self._counted + round(CHUNK.total_seconds() * 1e9))
            rows = self._store.count(self._counted, end, self._step_s, SAMPLES, recorded=self._recorded)
            if rows.num_rows:
                total += self._take(rows, end, now)
                chunks += 1
            self._counted = end
        return total

    def window(self, start: datetime, end: datetime, step_s: float) -> Window:
        """Lines of each pattern and entity in each step (``log.pattern``), and sampled lines of each value of their
        parameters (``log.parameter``); see ``series.py`` for the attributes.
        """
        if not self._patterns:
            grid = Grid.of(start, end, step_s)
            return Window(grid.times, np.empty((grid.count, 0)), ())
        grid, counts = self._store.counts(start, end, step_s)
        _, values = self._store.values(start, end, step_s)
        lines = self._lines
        return pattern_window(
            grid, counts, values, self._miner.pattern_of, self._told, lambda value: lines.get(value) or ""
        )

    def _load(self, now: datetime) -> None:
        if self._is_loaded:
            return
        # What was counted while the clock was ahead is no reason to count nothing until it is as late again.
        self._counted = min(max(self._store.counted_until(), to_nanos(now - CATCH_UP)), to_nanos(now))
        for row in self._store.shapes(MOST_SHAPES // 2).to_pylist():
            shape, pattern, text = row["shape"], row["pattern"], row["text"]
            if shape_id(text) != shape and row["samples"]:
                # It was made by other rules: it is known already, though by another id from now on.
                text = shape_of(row["samples"][0].partition("\n")[0])
                shape = pattern = shape_id(text)
            self._miner.remember(shape, pattern, text, row["samples"], row["first_seen"] / 1000)
            self._noted[shape] = (pattern, "")
        self._is_loaded = True
        self._name(now)

    def _take(self, rows: pa.Table, until: int, now: datetime) -> int:
        """Rows of one count: learn what is new, store how many of each."""
        keys = rows["key"].to_numpy()
        firsts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        lines = np.add.reduceat(rows["lines"].to_numpy(), firsts)
        shapes = np.empty(len(firsts), np.uint64)
        news = self._miner.news
        bodies, at = rows["bodies"], rows["at"].to_numpy()
        for place, first in enumerate(firsts.tolist()):
            key, samples = int(keys[first]), bodies[first].as_py()
            shape = self._miner.known(key)
            if shape is None:
                shape = self._miner.learn(key, samples, int(lines[place]), at[first] / 1000)
            else:
                self._miner.count(shape, int(lines[place]), samples)
            shapes[place] = shape
        by_row = np.repeat(shapes, np.diff(np.r_[firsts, len(keys)]))
        if self._miner.news != news:
            self._name(now)
        self._store.add(_counts(rows, by_row, until), self._values(rows, by_row))
        return int(lines.sum())

    def _name(self, now: datetime) -> None:
        """Look at what patterns there are, and note down what has changed of them."""
        self._patterns = {pattern.id: pattern for pattern in self._miner.patterns()}
        self._told = {number: _told(pattern) for number, pattern in self._patterns.items()}
        if len(self._noted) > 4 * MOST_SHAPES:
            self._noted.clear()
        changed: dict[int, tuple[int, str]] = {}
        rows: list[dict[str, object]] = []
        for pattern in self._patterns.values():
            template = pattern.template
            for shape in pattern.shapes:
                if self._noted.get(shape) != (pattern.id, template):
                    changed[shape] = (pattern.id, template)
                    rows.append(self._row(shape, pattern, template, now))
        if rows:
            self._store.note(pa.Table.from_pylist(rows, schema=SHAPES))
            self._noted |= changed  # after it: what could not be stored is tried again

    def _row(self, shape: int, pattern: Pattern, template: str, now: datetime) -> dict[str, object]:
        known = self._miner.shape(shape)
        return {
            "shape": shape,
            "pattern": pattern.id,
            "text": known.text,
            "template": template,
            "parameters": [parameter.name for parameter in pattern.parameters],
            "samples": [redact(line) for line in list(known.lines.values())[:STORED_SAMPLES]],
            "first_seen": datetime.fromtimestamp(known.first_seen, UTC),
            "noted_at": now,
        }

    def _values(self, rows: pa.Table, shapes: NDArray[np.uint64]) -> pa.Table:
        """What values the parameters had in the sampled lines."""
        counted: Counter[tuple[int, int, str, str, str]] = Counter()
        left = MOST_SAMPLED
        entities, at, bodies = rows["entity"].to_pylist(), rows["at"].to_pylist(), rows["bodies"]
        for row in range(len(shapes)):
            pattern = self._patterns.get(self._miner.pattern_of(int(shapes[row])))
            if pattern is None or not any(is_counted(parameter) for parameter in pattern.parameters):
                continue
            lines = bodies[row].as_py()
            left -= len(lines)
            for line, values in _taken(pattern, lines):
                for parameter, value in zip(pattern.parameters, values, strict=True):
                    if is_counted(parameter):
                        told = self._label(pattern.id, parameter.name, label(parameter, redact(value)))
                        counted[at[row], pattern.id, entities[row], parameter.name, told] += 1
                        self._lines.put((pattern.id, entities[row], parameter.name, told), line)
            if left <= 0:
                break
        columns: Sequence[Sequence[object]] = list(zip(*counted, strict=True)) or [[]] * 5
        arrays = [*columns, list(counted.values())]
        return pa.table([pa.array(a, f.type) for a, f in zip(arrays, VALUES, strict=True)], schema=VALUES)

    def _label(self, pattern: int, parameter: str, value: str) -> str:
        """The value, as long as not too many different ones were seen."""
        if len(self._labels) > MOST_SHAPES:
            self._labels.clear()
        seen = self._labels.setdefault((pattern, parameter), set())
        if value not in seen and len(seen) >= MOST_VALUES:
            return OTHER
        seen.add(value)
        return value


def _taken(pattern: Pattern, bodies: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The messages of lines, without secrets, and the values of the pattern's parameters in them."""
    for line in map(content, bodies):
        for values in values_of(pattern.masked, [line]):
            yield line, values


def _counts(rows: pa.Table, shapes: NDArray[np.uint64], until: int) -> pa.Table:
    table = pa.table(
        {
            "time": rows["at"].cast(pa.timestamp("ms", "UTC")),
            "shape": pa.array(shapes),
            "entity": rows["entity"].cast(pa.string()),
            "service": rows["service"].cast(pa.string()),
            "severity": rows["severity"],
            "lines": rows["lines"],
        }
    )
    summed = table.group_by(table.column_names[:-1]).aggregate([("lines", "sum")])
    summed = summed.rename_columns([*table.column_names[:-1], "lines"])
    ends = pa.array(np.full(summed.num_rows, until, np.int64)).cast(pa.timestamp("ns", "UTC"))
    return summed.append_column("counted_until", ends).select(COUNTS.names).cast(COUNTS)


def _told(pattern: Pattern) -> Told:
    return Told(pattern.template, pattern.sample, pattern.first_seen)
