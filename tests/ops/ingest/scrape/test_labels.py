"""Bounds of buckets and quantiles: one spelling, whatever format they came in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.ingest.scrape.exposition import Kind
from wellkept.ops.ingest.scrape.labels import with_even_bounds


def even(text: str) -> str:
    return with_even_bounds({"le": text}, Kind.HISTOGRAM)["le"]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("1", "1.0"),
        ("1.0", "1.0"),
        ("0", "0.0"),
        ("-1", "-1.0"),
        ("0.005", "0.005"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("100000", "100000.0"),
        ("1000000", "1e+06"),
        ("1234567", "1.234567e+06"),
        ("-2.5e10", "-2.5e+10"),
        ("1e100", "1e+100"),
        ("+Inf", "+Inf"),
        ("inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("NaN", "NaN"),
        ("wide", "wide"),
    ],
)
def test_a_bound_is_spelled_as_in_openmetrics(text: str, spelled: str) -> None:
    assert even(text) == spelled


@given(st.floats(allow_nan=False))
def test_a_bound_stays_the_number_that_it_was(number: float) -> None:
    assert float(even(repr(number))) == number
    assert even(even(repr(number))) == even(repr(number))


def test_only_bounds_and_quantiles_are_spelled_anew() -> None:
    assert with_even_bounds({"quantile": "1"}, Kind.SUMMARY) == {"quantile": "1.0"}
    assert with_even_bounds({"le": "1", "quantile": "1"}, Kind.GAUGEHISTOGRAM) == {"le": "1.0", "quantile": "1"}
    for kind in (Kind.GAUGE, Kind.UNKNOWN, Kind.COUNTER):
        assert with_even_bounds({"le": "1", "quantile": "1"}, kind) == {"le": "1", "quantile": "1"}
