"""Rows that are odd: of moments that have not come, and those that are there again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from tests.ml.workshop import NOON

from wellkept.kernel.errors import InputError
from wellkept.ml.data.doubts import known_rows, repeated_rows

HOUR = timedelta(hours=1)


def rows(*at: datetime, **columns: Any) -> pa.Table:
    return pa.table({"time": pa.array(at, pa.timestamp("us", tz="UTC")), "amount": range(len(at)), **columns})


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us", tz="UTC"), pa.timestamp("ms"), pa.timestamp("us", tz="Asia/Tokyo")]
)
def test_rows_of_moments_that_have_not_come_are_left_out_and_told(kind: pa.DataType) -> None:
    table = rows(NOON - HOUR, NOON, NOON + HOUR, NOON.replace(year=2150))
    table = table.set_column(0, "time", table["time"].cast(kind))

    known, said = known_rows(table, NOON)

    assert known["amount"].to_pylist() == [0, 1]
    (sentence,) = said
    assert sentence.startswith("2 of 4 rows are of later than the window's end (2026-11-")
    assert "up to 2150-11-" in sentence
    assert sentence.endswith("nobody can know yet what came true of them, so they are left out")


def test_nothing_is_said_of_rows_that_are_known() -> None:
    table = rows(NOON - HOUR, NOON)

    assert known_rows(table, NOON) == (table, [])


def test_rows_that_all_are_of_later_are_refused() -> None:
    with pytest.raises(InputError, match=r"load\(window\): time: must not be later than .* got 'all of 2 rows, up to"):
        known_rows(rows(NOON + HOUR, NOON + 2 * HOUR), NOON)


def test_rows_that_are_there_again_are_told() -> None:
    table = rows(*(NOON - HOUR * n for n in range(100)), label=[None, float("nan")] * 50)

    assert repeated_rows(table) == []
    (said,) = repeated_rows(pa.concat_tables([table, table.slice(0, 20)]))
    assert said.startswith("20 of 120 rows repeat another one in every column, time and label among them: if a join")


@pytest.mark.parametrize("change", ["time", "id", "few"])
def test_rows_that_only_look_alike_are_not_told(change: str) -> None:
    at = [NOON - HOUR] * 200 if change == "id" else [NOON - HOUR * n for n in range(199)] + [NOON]
    table = rows(*at).drop_columns("amount").append_column("amount", pa.array([1.0] * 200))
    table = table.append_column("id", pa.array(range(200))) if change == "id" else table
    table = table.drop_columns("time") if change == "time" else table

    assert repeated_rows(table) == []


def test_lists_are_not_compared() -> None:
    table = rows(NOON, NOON, tags=[[1], [2]]).drop_columns("amount")

    assert len(repeated_rows(table)) == 1
