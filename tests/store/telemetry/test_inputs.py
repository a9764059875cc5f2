"""Inputs as rows of numbers whose names are kept once: what is read is what was written, whatever the names are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.scenes import at

from wellkept.store.telemetry.inputs import APART, MOST, in_rows
from wellkept.store.telemetry.predictions import PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

FEATURES = PREDICTIONS.field("features").type
Row = dict[str, float | None]

rows_of = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "long name", "ü"]), st.none() | st.floats(-1e9, 1e9), max_size=4),
    min_size=1,
    max_size=12,
)


def table(rows: list[Row], **more: Any) -> pa.Table:
    return pa.table({"features": pa.array([list(row.items()) for row in rows], FEATURES), **more})


def restored(rows: pa.Table) -> list[Row]:
    return [
        {name: None if math.isnan(value) else value for name, value in zip(names.split(APART), values, strict=True)}
        if names
        else {}
        for names, values in zip(rows["names"].to_pylist(), rows["inputs"].to_pylist(), strict=True)
    ]


@given(rows_of, st.integers(0, 3))
def test_nothing_is_lost_and_no_order_changes(rows: list[Row], left_out: int) -> None:
    left_out = min(left_out, len(rows) - 1)
    made = in_rows(table(rows).slice(left_out))
    assert [list(row.items()) for row in restored(made)] == [list(row.items()) for row in rows[left_out:]]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of)
def test_what_is_read_is_what_was_written(telemetry: Telemetry, rows: list[Row]) -> None:
    telemetry.engine.command("TRUNCATE TABLE predictions")
    write(telemetry, rows)
    read = telemetry.predictions.window("m", at(0), at(1000), known_by=at(1000))["features"].to_pylist()
    assert [dict(row) for row in read] == rows


def test_names_that_cannot_be_joined_stay_in_the_map(telemetry: Telemetry) -> None:
    for name in ("", f"a{APART}b"):
        assert in_rows(table([{name: 1.0}])).column_names == ["features"]
    write(telemetry, [{"": 1.0, "b": None}])
    assert telemetry.predictions.window("m", at(0), at(1000), known_by=at(1000))["features"].to_pylist() == [
        [("", 1.0), ("b", None)]
    ]


def test_too_many_different_names_stay_in_the_map() -> None:
    alike: list[Row] = [{f"f{number}": 1.0} for number in range(MOST)]
    assert "names" in in_rows(table(alike * 3)).column_names
    assert "names" not in in_rows(table([*alike, {"one more": 1.0}])).column_names


def test_names_are_kept_once() -> None:
    rows: list[Row] = [{"a": float(number), "b": float(number)} for number in range(100)]
    made = in_rows(table(rows))
    assert made["names"].chunk(0).dictionary.to_pylist() == [f"a{APART}b"]
    assert np.array_equal(made["inputs"].chunk(0).values.to_numpy(), np.repeat(np.arange(100.0), 2))


def write(telemetry: Telemetry, rows: list[Row]) -> None:
    count = len(rows)
    more = {"id": [f"{i:03}" for i in range(count)], "model": ["m"] * count, "version": ["v"] * count}
    times = pa.array([at(i) for i in range(count)], PREDICTIONS.field("time").type)
    telemetry.predictions.write(table(rows, **more, time=times, score=[0.0] * count))
