"""Counting blocks of predictions: numbers by their edges, words by a dictionary, whatever there is many of."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.store.telemetry import tally as module
from wellkept.store.telemetry.tally import NumberTally, Runs, WordTally

VALUES = st.just(math.nan) | st.sampled_from([-1.0, 0.0, 1.0, math.inf, -math.inf]) | st.floats(-5, 5)
EDGES = st.lists(st.floats(-5, 5) | st.sampled_from([0.0, 1.0]), max_size=4) | st.just([n / 8 for n in range(-20, 20)])
STEPS = 4


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, STEPS - 1), VALUES, VALUES), min_size=1), max_size=3), EDGES, EDGES)
def test_numbers_are_above_as_many_edges_as_by_hand(
    blocks: list[list[tuple[int, float, float]]], first: list[float], second: list[float]
) -> None:
    tally = NumberTally(STEPS, [first, second])
    for block in blocks:
        block.sort(key=lambda row: row[0])
        slots, *columns = (np.array(column) for column in zip(*block, strict=True))
        tally.add(np.array(columns, dtype=float)[::-1], Runs.of(slots), [1, 0])
    rows = [row for block in blocks for row in block]
    wanted = np.zeros_like(tally.bins)
    for step, *values in rows:
        for column, (value, edges) in enumerate(zip(values, (first, second), strict=True)):
            wanted[column, step, -1 if math.isnan(value) else sum(value > edge for edge in edges)] += 1
    assert tally.bins.tolist() == wanted.tolist()
    for column in range(2):
        for step in range(STEPS):
            known = [row[1 + column] for row in rows if row[0] == step and not math.isnan(row[1 + column])]
            ends = (min(known), max(known)) if known else (math.nan, math.nan)
            assert np.array_equal((tally.least[column, step], tally.greatest[column, step]), ends, equal_nan=True)


@pytest.mark.parametrize("room", [module._ROOM, -1_000_000])
def test_words_are_counted_however_many_there_are(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROOM", room)
    tally = WordTally(STEPS, {"a": ["x", "y"], "b": ["y"]})
    rows = [[("a", "x"), ("b", "z")], [], [("b", "y"), ("a", ""), ("c", "x")], [("a", "w")]]
    for _ in range(2):
        keys, words = (
            pa.array([[pair[at] for pair in row] for row in rows], pa.list_(pa.dictionary(pa.int32(), pa.string())))
            for at in (0, 1)
        )
        tally.add(keys, words, Runs.of(np.array([0, 0, 2, 3])))
        rows[3] = [("a", "y")]
    assert tally.bins["a"].tolist() == [[2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2], [0, 1, 1, 0]]
    assert tally.bins["b"].tolist() == [[0, 2, 0], [0, 0, 0], [2, 0, 0], [0, 0, 0]]
