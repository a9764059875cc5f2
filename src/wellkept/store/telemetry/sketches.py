"""Sketches of predictions: counts of five minutes that the engine keeps, so that watching costs by the bin.

A sketch is counted when it is asked for and is not there, or when predictions came since that belong to it: each row
keeps the number of the block that it came with. It is always counted anew from the stored predictions, and takes the
place of the one before. So a crash in between costs nothing, late predictions are counted, and one that was written
twice counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from wellkept.store.telemetry.arrow import numbers
from wellkept.store.telemetry.counting import (
    LIMIT_S,
    SCORE,
    Asked,
    Counting,
    Counts,
    Yardstick,
    by_column,
    ints,
    is_words,
    wide,
)
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.tally import Ints

SLOT_MS = 300_000
"""A sketch is of so long a time; a grid whose steps are made of such times is answered from sketches."""
_MOST_SLOTS = 8640
_MOST_AGAIN = 20_000
"""One statement counts the slots of thirty days at most, and so many rows again that lie between those that are due."""
_EVERYTHING = np.iinfo(np.int64).max
_NO_TOPS: tuple[list[float], list[int]] = ([], [])
_MOST_KNOWN = 4096
"""Of so many versions, slices and yardsticks it is remembered what is whole; then it is looked at anew."""

_NEWEST = """
SELECT max(max_block_number) AS block, maxIf(data_version, data_version > max_block_number) AS mutation
FROM system.parts WHERE database = currentDatabase() AND table = 'predictions' AND active"""
_AGAIN = """
INSERT INTO prediction_sketches
SELECT * REPLACE ({until:UInt64} AS until) FROM prediction_sketches FINAL
WHERE model = {model:String} AND version = {version:String} AND slice = {sliced:String}
    AND has({moments:Array(Int64)}, toInt64(toUnixTimestamp(slot)))"""
_TOO_NEW = "SELECT count() AS n FROM prediction_sketches WHERE until > {block:UInt64}"
_OLDER = """
INSERT INTO prediction_sketches
SELECT * REPLACE ({block:UInt64} AS until)
FROM (SELECT * FROM prediction_sketches FINAL WHERE until > {block:UInt64})"""
_LET_GO = "ALTER TABLE prediction_sketches DELETE WHERE until > {block:UInt64} SETTINGS mutations_sync = 1"


def fits(grid: Grid) -> bool:
    """Whether sketches make up the steps of a grid."""
    parts = (grid.start_ms, grid.step_ms, grid.end_ms - grid.start_ms)
    return not any(part % SLOT_MS for part in parts) and (grid.end_ms - grid.start_ms) % grid.step_ms == 0


def key_of(parts: Sequence[float] | Sequence[str]) -> int:
    """By which edges or categories a column is counted, in 64 bits."""
    text = "\x1f".join(("word", *map(str, parts)) if is_words(parts) else ("edge", *(repr(float(e)) for e in parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def mend(engine: Engine) -> None:
    """At the start, before anything is written: blocks are numbered on from the highest that is left.

    Where the newest predictions were removed, numbers that sketches know will be given again; these sketches are told
    that they know less.
    """
    block = {"block": _newest(engine)[0]}
    if engine.query(_TOO_NEW, block)["n"][0].as_py():
        engine.command(_OLDER, block)
        engine.command(_LET_GO, block)


def _newest(engine: Engine) -> tuple[int, int]:
    """The newest block of predictions, and the newest mutation of them that no newer block hides."""
    found = engine.query(_NEWEST)
    return int(found["block"][0].as_py() or 0), int(found["mutation"][0].as_py() or 0)


@dataclass(frozen=True, slots=True)
class _Known:
    """Up to which block all predictions of some time are in sketches, and the mutation that was the newest then."""

    block: int
    mutation: int
    start_ms: int
    end_ms: int

    def reaches(self, slots: Grid, mutation: int) -> bool:
        """Whether of a grid only what came since, or lies behind the end, can be missing."""
        return self.mutation == mutation and self.start_ms <= slots.start_ms < self.end_ms


class Sketches:
    """Keeps the sketches that are asked for. What two threads ask for at once is counted twice, and kept once."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._counting = engine, Counting(engine)
        self._known: dict[tuple[Asked, tuple[tuple[str, int], ...]], _Known] = {}
        """What was found to be whole since the start, so that it is not gone through again."""

    def counts(self, asked: Asked, grid: Grid, yardstick: Yardstick) -> Counts:
        """The same as ``Counting.count`` gives on a grid that sketches fit.

        Raises:
            OverloadError: the disk is too full to keep sketches.
        """
        yardstick = {SCORE: (), **yardstick}
        self.refresh(asked, grid, yardstick)
        found = self._engine.query(load("queries/sketch_sums.sql"), _bound(asked, grid, yardstick))
        counts = Counts.empty(grid.count, yardstick)
        for name, mine in by_column(found):
            steps, bins = ints(mine, "step"), wide(mine, "bins", len(yardstick[name]) + 1)
            counts.bins[name][steps], counts.nulls[name][steps] = bins, ints(mine, "nulls")
            if name in counts.least:
                counts.least[name][steps], counts.greatest[name][steps] = (
                    numbers(mine["least"]),
                    numbers(mine["greatest"]),
                )
            if name == SCORE:
                counts.rows[steps], counts.answered[steps] = bins.sum(axis=1), ints(mine, "answered")
        return counts

    def tops(self, asked: Asked, grid: Grid, yardstick: Yardstick) -> dict[str, tuple[float, float]]:
        """Of each column its most common value on the whole grid, and its share of the values that are there.

        Sketches that there are count as they are; those that are missing are made. A value that is not among the eight
        most common of a sketch is not counted there, so that a share is low by a ninth at most.
        """
        yardstick = {SCORE: (), **yardstick}
        self.refresh(asked, grid, yardstick, only_missing=True)
        rows = self._engine.query(load("queries/sketch_tops.sql"), _bound(asked, grid, yardstick))
        pairs = zip(rows["value"].to_pylist(), rows["share"].to_pylist(), strict=True)
        return dict(zip(rows["column"].to_pylist(), pairs, strict=True))

    def refresh(self, asked: Asked, grid: Grid, yardstick: Yardstick, *, only_missing: bool = False) -> int:
        """Count what sketches are missing or out of date; how many slots it were.

        ``yardstick`` has to name the scores.
        """
        slots = Grid(grid.start_ms, grid.end_ms, SLOT_MS)
        until, mutation = _newest(self._engine)
        bound = _bound(asked, slots, yardstick)
        key = (asked, tuple(sorted((name, key_of(parts)) for name, parts in yardstick.items())))
        known = self._known.get(key)
        if known is None or not known.reaches(slots, mutation):
            blocks, rows = self._states(bound, slots, len(yardstick))
            if only_missing:
                blocks[blocks >= 0] = _EVERYTHING
            due = self._slots("sketch_stale", {**bound, "known": blocks.tolist()})
        elif known.end_ms >= slots.end_ms and (only_missing or known.block == until):
            return 0
        else:
            due = self._slots("sketch_newer", {**bound, "block": known.block, "until": known.end_ms})
            rows = self._states(bound, slots, len(yardstick))[1] if len(due) else due
        for run in _runs(due, rows):
            self._count(asked, slots, run, rows, yardstick, until)
        if not only_missing:
            self._known = self._known if len(self._known) < _MOST_KNOWN else {}
            self._known[key] = _Known(until, mutation, slots.start_ms, slots.end_ms)
        return len(due)

    def _states(self, bound: Mapping[str, object], slots: Grid, columns: int) -> tuple[Ints, Ints]:
        """Up to which block each slot's sketches know (-1: there is not one of each column), and their rows."""
        state = self._engine.query(load("queries/sketch_states.sql"), bound)
        blocks, rows = np.full(slots.count, -1), np.zeros(slots.count, dtype=np.int64)
        places, whole = numbers(state["step"]).astype(np.int64), numbers(state["columns"]) == columns
        blocks[places[whole]] = numbers(state["until"])[whole]
        rows[places[whole]] = numbers(state["rows"])[whole]
        return blocks, rows

    def _slots(self, name: str, bound: Mapping[str, object]) -> Ints:
        found = self._engine.query(load(f"queries/{name}.sql"), bound, limit_s=LIMIT_S)
        return numbers(found["step"]).astype(np.int64)

    def _count(self, asked: Asked, slots: Grid, run: Ints, before: Ints, yardstick: Yardstick, until: int) -> None:
        """Count a run of slots and keep what is counted.

        Fewer rows than before were counted when predictions are gone that were counted: then the sketches stay.
        """
        start = slots.start_ms + int(run[0]) * SLOT_MS
        part = Grid(start, slots.start_ms + (int(run[-1]) + 1) * SLOT_MS, SLOT_MS)
        is_for_all = not asked.slice[0] and len(yardstick) > 1  # the most common values are asked for of all rows alone
        counts = self._counting.count(asked, part, yardstick, with_tops=is_for_all)
        inside = run - run[0]
        is_less = counts.rows[inside] < before[run]
        moments = slots.start_ms // 1000 + run * (SLOT_MS // 1000)
        if is_less.any():
            told = {"model": asked.model, "version": asked.version, "sliced": _sliced(asked), "until": until}
            self._engine.command(_AGAIN, {**told, "moments": moments[is_less].tolist()})
        if not is_less.all():
            kept = _rows(counts, inside[~is_less], moments[~is_less], yardstick)
            same = {"model": asked.model, "version": asked.version, "slice": _sliced(asked)}
            for name, value in same.items():
                kept = kept.append_column(name, pa.repeat(pa.scalar(value), kept.num_rows))
            self._engine.insert_arrow(
                "prediction_sketches", kept.append_column("until", pa.array(np.full(kept.num_rows, until, np.uint64)))
            )


def _sliced(asked: Asked) -> str:
    return "\x1f".join(asked.slice) if asked.slice[0] else ""


def _bound(asked: Asked, grid: Grid, yardstick: Yardstick) -> dict[str, object]:
    names = sorted(yardstick)
    keys = [key_of(yardstick[name]) for name in names]
    return {**grid.parameters, **asked.parameters, "sliced": _sliced(asked), "columns": names, "keys": keys}


def _runs(due: Ints, rows: Ints) -> Iterator[Ints]:
    """Slots that are counted together; ``rows`` are those of the sketches that there are."""
    if len(due):
        fresh = rows.copy()
        fresh[due] = 0
        between = np.diff(np.cumsum(fresh)[due])
        apart = (between > _MOST_AGAIN) | (np.diff(due // _MOST_SLOTS) > 0)
        yield from np.split(due, np.flatnonzero(apart) + 1)


def _rows(counts: Counts, inside: Ints, moments: Ints, yardstick: Yardstick) -> pa.Table:
    """The sketches of some steps: a row for each step and column."""
    tables = []
    zeros, nothing = np.zeros(len(inside), dtype=np.uint64), np.full(len(inside), np.nan)
    for name, parts in yardstick.items():
        bins = counts.bins[name][inside].astype(np.uint64)
        offsets = pa.array(np.arange(len(inside) + 1, dtype=np.int32) * bins.shape[1])
        tops = [counts.tops.get(name, {}).get(step, _NO_TOPS) for step in inside.tolist()]
        columns = {
            "slot": pa.array(moments, pa.int64()).cast(pa.timestamp("s", tz="UTC")),
            "column": pa.array([name] * len(inside)),
            "key": pa.array([key_of(parts)] * len(inside), pa.uint64()),
            "bins": pa.ListArray.from_arrays(offsets, pa.array(bins.ravel())),
            "nulls": pa.array(counts.nulls[name][inside].astype(np.uint64)),
            "least": pa.array(counts.least[name][inside] if name in counts.least else nothing),
            "greatest": pa.array(counts.greatest[name][inside] if name in counts.greatest else nothing),
            "tops": pa.array([values for values, _ in tops], pa.list_(pa.float64())),
            "top_rows": pa.array([rows for _, rows in tops], pa.list_(pa.uint64())),
            "answered": pa.array(counts.answered[inside].astype(np.uint64) if name == SCORE else zeros),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)
