"""Moments of sources: whatever wrote them, a time without a zone is UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from wellkept.kernel.errors import InputError
from wellkept.ml.data.moments import NEVER, as_column, micros_of, moments, written

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("values", "kind", "unit"),
    [
        ([NOON], pa.timestamp("us", tz="UTC"), None),
        ([NOON.replace(tzinfo=None)], pa.timestamp("ms"), None),
        ([NOON.astimezone(EAST)], pa.timestamp("s", tz="Europe/Berlin"), None),
        ([NOON.replace(tzinfo=None)], pa.timestamp("ns"), None),
        (["2026-03-01T12:00:00Z"], pa.string(), None),
        (["2026-03-01 12:00:00"], pa.string(), None),
        (["2026-03-01T14:00:00+02:00"], pa.large_string(), None),
        ([NOON.timestamp()], pa.float64(), "s"),
        ([int(NOON.timestamp())], pa.int32(), "s"),
        ([int(NOON.timestamp() * 1000)], pa.int64(), "ms"),
        ([int(NOON.timestamp()) * 10**9], pa.int64(), "ns"),
    ],
)
def test_every_way_of_writing_noon_is_noon(values: Any, kind: Any, unit: str | None) -> None:
    found = moments(pa.chunked_array([pa.array([*values, None], kind)]), unit, "time")

    assert found.tolist() == [micros_of(NOON), NEVER]
    assert as_column(found).to_pylist() == [NOON, None]


def test_dates_are_their_midnight() -> None:
    found = moments(pa.chunked_array([[date(2026, 3, 1)]]), None, "day")

    assert as_column(found).to_pylist() == [NOON - timedelta(hours=12)]


def test_times_with_and_without_zones_may_stand_in_one_column() -> None:
    found = moments(pa.chunked_array([["2026-03-01T12:00:00", "2026-03-01T14:00:00+02:00", None]]), None, "time")

    assert found.tolist() == [micros_of(NOON), micros_of(NOON), NEVER]


def test_what_is_no_number_is_no_moment() -> None:
    found = moments(pa.chunked_array([[float("nan"), float("inf"), 0.0]]), "s", "time")

    assert found.tolist() == [NEVER, NEVER, 0]


def test_a_part_of_a_microsecond_counts_as_a_whole_one_so_that_nothing_is_known_too_early() -> None:
    column = pa.chunked_array([pa.array([1_500], pa.int64())]).cast(pa.timestamp("ns"))

    assert moments(column, None, "time").tolist() == [2]
    assert moments(column, None, "time", up=False).tolist() == [1]


@pytest.mark.parametrize(
    ("column", "unit", "message"),
    [
        ([1], None, "say its time_unit"),
        ([10**15], "s", "between the years 1900 and 2200"),
        ([2**62], "s", "between the years 1900 and 2200"),
        (["yesterday"], None, "as ISO 8601 writes them"),
        ([True], None, "must be a column of moments"),
    ],
)
def test_what_cannot_be_a_moment_is_refused_in_words(column: Any, unit: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        moments(pa.chunked_array([column]), unit, "source rows: time")


def test_databases_are_given_moments_as_they_write_them() -> None:
    east = NOON.astimezone(EAST)
    assert written(east, "text") == "2026-03-01 12:00:00.000000"
    assert written(east, "iso") == "2026-03-01T12:00:00.000000Z"
    assert written(east, "seconds") == NOON.timestamp()
    assert written(east, "milliseconds") == round(NOON.timestamp() * 1000)
    assert written(east, "timestamp") == NOON
