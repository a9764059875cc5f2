"""Bound parameters come back as they went in, whatever is in them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.binding import bind
from wellkept.store.telemetry.engine import EmbeddedEngine

AWKWARD = [
    "",
    "'",
    '"',
    "\\",
    "\\'",
    "\t",
    "\n",
    "\r",
    "\0",
    "\b",
    "\f",
    "\v",
    "\x1a",
    "`",
    "\\N",
    "NULL",
    "{v:String}",
]
texts = (
    st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(AWKWARD) | st.text(alphabet="\\'\"\t\n\0,[]N")
)
moments = st.integers(-1_890_000_000_000_000, 8_800_000_000_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
check = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def back(engine: EmbeddedEngine, kind: str, value: object) -> Any:
    return engine.query(f"SELECT {{v:{kind}}} AS v", {"v": value})["v"][0].as_py()


@check
@given(texts)
def test_a_text(engine: EmbeddedEngine, text: str) -> None:
    assert back(engine, "String", text) == text
    assert back(engine, "Nullable(String)", text) == text


@check
@given(st.lists(texts | st.none(), max_size=5))
def test_a_list_of_texts(engine: EmbeddedEngine, values: list[str | None]) -> None:
    assert back(engine, "Array(Nullable(String))", values) == values
    assert back(engine, "Array(Nullable(String))", tuple(values)) == values


@check
@given(st.lists(st.lists(texts, max_size=3), max_size=3))
def test_a_list_of_lists(engine: EmbeddedEngine, values: list[list[str]]) -> None:
    assert back(engine, "Array(Array(String))", values) == values


@check
@given(st.floats(allow_nan=False), st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1), st.booleans())
def test_numbers(engine: EmbeddedEngine, real: float, unsigned: int, signed: int, is_so: bool) -> None:
    assert back(engine, "Float64", real) == real
    assert back(engine, "UInt64", unsigned) == unsigned
    assert back(engine, "Int64", signed) == signed
    assert back(engine, "Bool", is_so) == is_so
    assert back(engine, "Array(Float64)", [real, real]) == [real, real]
    assert back(engine, "Array(Bool)", [is_so, not is_so]) == [is_so, not is_so]


def test_not_a_number(engine: EmbeddedEngine) -> None:
    assert math.isnan(back(engine, "Float64", math.nan))


@check
@given(moments)
def test_a_moment_before_or_after_1970(engine: EmbeddedEngine, moment: datetime) -> None:
    assert back(engine, "DateTime64(6, 'UTC')", moment) == moment
    assert back(engine, "Array(DateTime64(6, 'UTC'))", [moment]) == [moment]


def test_a_moment_of_another_zone_is_the_same_moment(engine: EmbeddedEngine) -> None:
    moment = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert back(engine, "DateTime64(6, 'UTC')", moment) == moment


def test_nothing(engine: EmbeddedEngine) -> None:
    assert back(engine, "Nullable(String)", None) is None
    assert back(engine, "Nullable(Int64)", None) is None
    assert back(engine, "Array(Nullable(Int64))", [1, None]) == [1, None]
    assert back(engine, "Array(String)", []) == []


def test_many_and_large_values(engine: EmbeddedEngine) -> None:
    ids = list(range(2**63, 2**63 + 100_000))
    assert back(engine, "Array(UInt64)", ids) == ids
    assert back(engine, "String", "x" * 3_000_000) == "x" * 3_000_000


@pytest.mark.parametrize("value", ["\ud800", ["fine", "\udfff"]])
def test_half_a_surrogate_pair_is_the_callers_mistake(value: object) -> None:
    with pytest.raises(InputError, match=r"parameter text: must be valid Unicode"):
        bind({"text": value})


@pytest.mark.parametrize("value", [b"bytes", {"a": "map"}, object()])
def test_a_value_of_another_kind_is_a_mistake_in_our_code(value: object) -> None:
    with pytest.raises(TypeError, match="parameter thing"):
        bind({"thing": value})
