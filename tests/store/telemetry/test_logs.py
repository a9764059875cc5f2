"""Logs read back: search and counts."""

from __future__ import annotations

import math

import pytest
from tests.store.telemetry.scenes import at, put_log

from wellkept.store.telemetry.telemetry import Telemetry


def found(telemetry: Telemetry, text: str = "", **options: object) -> list[str]:
    return telemetry.logs.search(text, at(0), at(100), **options)["Body"].to_pylist()  # type: ignore[no-any-return, arg-type]


def test_the_newest_first_within_the_time_and_the_limit(telemetry: Telemetry) -> None:
    for seconds, text in ((-1, "before"), (0, "first"), (50, "second"), (99.999, "third"), (100, "after")):
        put_log(telemetry, text, seconds)
    assert found(telemetry) == ["third", "second", "first"]
    assert found(telemetry, limit=2) == ["third", "second"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("timeout", ["Connection TIMEOUT"]),
        ("100% \\ 'done'", ["100% \\ 'done'"]),
        ("größe", ["GRÖSSE Größe"]),
        ("xyz", []),
    ],
)
def test_a_text_is_found_as_it_stands_in_any_case(telemetry: Telemetry, text: str, wanted: list[str]) -> None:
    for body in ("Connection TIMEOUT", "100% \\ 'done'", "GRÖSSE Größe", "other"):
        put_log(telemetry, body, 1)
    assert found(telemetry, text) == wanted


def test_an_entity(telemetry: Telemetry) -> None:
    put_log(telemetry, "one", 1, service="shop")
    put_log(telemetry, "two", 1, service="bank")
    assert found(telemetry, entity="service:bank") == ["two"]
    assert found(telemetry, entity="service:nobody") == []


def test_a_record_that_came_twice_counts_once_and_a_like_one_counts_too(telemetry: Telemetry) -> None:
    for _ in range(2):
        put_log(telemetry, "same", 1, times=2)
    put_log(telemetry, "same", 1, thread="2")
    put_log(telemetry, "same", 2)
    assert found(telemetry) == ["same"] * 3
    window = telemetry.logs.counts(at(0), at(10), 10)
    assert {series.name: float(window.values[0, i]) for i, series in enumerate(window.series)} == {
        "log.rate": pytest.approx(0.3),
        "log.errors": 0.0,
    }


def test_counts_by_entity_and_step(telemetry: Telemetry) -> None:
    for seconds, severity in ((0, 9), (1, 17), (9.999, 24), (10, 16), (25, 17)):
        put_log(telemetry, f"at {seconds}", seconds, severity=severity)
    put_log(telemetry, "other", 15, service="bank")
    window = telemetry.logs.counts(at(0), at(20), 10)
    got = {(s.entity, s.name): [float(v) for v in window.values[:, i]] for i, s in enumerate(window.series)}
    assert got["service:shop", "log.rate"] == pytest.approx([0.3, 0.1])
    assert got["service:shop", "log.errors"] == pytest.approx([0.2, 0.0])
    assert got["service:bank", "log.rate"] == pytest.approx([math.nan, 0.1], nan_ok=True)


def test_nothing_to_count(telemetry: Telemetry) -> None:
    window = telemetry.logs.counts(at(0), at(20), 10)
    assert window.series == ()
    assert window.values.shape == (2, 0)
