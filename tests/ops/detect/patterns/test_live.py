"""Counting stored lines: the engine makes the same keys, nothing counts twice, a restart gives the same ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.kernel.errors import StoreError
from wellkept.ops.detect.patterns.cheap import cheap_key
from wellkept.ops.detect.patterns.live import LAG, Patterns
from wellkept.ops.detect.patterns.masks import RULES
from wellkept.store.telemetry.telemetry import Telemetry

BEGIN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SHOP = "service:shop/api"
_PARTS = st.one_of(
    st.text(st.sampled_from(" \n\t09@/.:=()[]aé\"'$\\_-%|"), max_size=20),
    st.sampled_from(
        [
            "\njava.io.FooException: x",
            "\nCaused by: a.BError",
            "\nx.y.Timeout: z",
            "\nx.Gone",
            "a.b.com ",
            "z.uk",
            " x.y.hk=5.6",
            "/a.b",
        ]
    ),
    st.sampled_from(["\x1b[31m", "\x1b[0;1m", "\x1b[", "\x1b(B", r"\u001b[1m", r"\u001B[39m", "\x1b[2m\n"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)


@given(st.lists(st.lists(_PARTS, max_size=6).map("".join), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_engine_makes_the_same_key_of_a_line_as_we_do(telemetry: Telemetry, bodies: list[str]) -> None:
    assert telemetry.patterns.keys(bodies) == [cheap_key(body).decode("utf-8", "replace") for body in bodies]


def test_words_are_told_apart_by_what_they_say_and_not_by_their_colours(telemetry: Telemetry) -> None:
    payment, order = "\x1b[31mpayment\x1b[0m 5 refused", "\x1b[31morder\x1b[0m 5 refused"
    keys = telemetry.patterns.keys([payment, order, "payment 6 refused"])
    assert keys[0] == keys[2] != keys[1]


def store(
    telemetry: Telemetry, bodies: list[str], received: datetime, *, severity: int = 9, entity: str = SHOP
) -> None:
    moment = pa.array([received] * len(bodies), pa.timestamp("ns", "UTC"))
    rows = {"Timestamp": moment, "Received": moment, "Body": bodies, "Entity": [entity] * len(bodies)}
    rows |= {"SeverityNumber": pa.array([severity] * len(bodies), pa.uint8()), "ServiceName": ["api"] * len(bodies)}
    telemetry.engine.insert_arrow("otel_logs", pa.table(rows))


def seen(patterns: Patterns, minutes: int = 2) -> dict[str, float]:
    window = patterns.window(BEGIN, BEGIN + timedelta(minutes=minutes), 10.0)
    found: dict[str, float] = {}
    for column, info in enumerate(window.series):
        if info.name == "log.pattern":
            found[info.attributes["template"]] = float(np.nansum(window.values[:, column]))
    return found


def test_lines_are_counted_once_and_named(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, [f"user {n} paid {n} EUR" for n in range(7)], BEGIN)
    assert patterns.tick(BEGIN + LAG) == 7
    assert patterns.tick(BEGIN + LAG + timedelta(seconds=10)) == 0
    store(telemetry, ["user 9 paid 3 EUR", "disk full"], BEGIN + timedelta(seconds=30), severity=17)
    assert patterns.tick(BEGIN + timedelta(seconds=40)) == 2
    assert seen(patterns) == {"user <user> paid <paid> EUR": 8.0, "disk full": 1.0} or seen(patterns) == {
        "user <user> paid <number> EUR": 8.0,
        "disk full": 1.0,
    }


def test_without_any_lines_the_window_is_empty(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    assert patterns.tick(BEGIN) == 0
    window = patterns.window(BEGIN, BEGIN + timedelta(minutes=2), 10.0)
    assert (window.values.shape, window.series) == ((12, 0), ())


def test_lines_wait_until_what_was_received_before_them_is_stored(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["late line"], BEGIN)
    assert patterns.tick(BEGIN + LAG / 2) == 0
    assert patterns.tick(BEGIN + LAG) == 1


def ids(patterns: Patterns) -> dict[str, float]:
    window = patterns.window(BEGIN, BEGIN + timedelta(minutes=1), 10.0)
    sums = np.nansum(window.values, axis=0)
    pairs = zip(window.series, sums, strict=True)
    return {info.attributes["pattern"]: float(lines) for info, lines in pairs if info.name == "log.pattern"}


def test_a_restart_counts_on_and_gives_the_same_ids(telemetry: Telemetry) -> None:
    first = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["session closed for user ann", "session closed for user bob", "value 7"], BEGIN)
    first.tick(BEGIN + LAG)
    before = ids(first)
    second = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["session closed for user cid", "value 9"], BEGIN + timedelta(seconds=20))
    assert second.tick(BEGIN + timedelta(seconds=30)) == 2

    assert set(ids(second)) == set(before)
    assert sorted(ids(second).values()) == [2.0, 3.0]


def test_a_clock_that_was_ahead_before_a_restart_does_not_stop_counting(telemetry: Telemetry) -> None:
    store(telemetry, ["value 7"], BEGIN + timedelta(days=1))
    Patterns(telemetry.patterns, 10.0).tick(BEGIN + timedelta(days=1) + LAG)
    later = Patterns(telemetry.patterns, 10.0)
    later.tick(BEGIN)
    store(telemetry, ["value 8"], BEGIN + timedelta(seconds=10))
    assert later.tick(BEGIN + timedelta(seconds=20)) == 1


def test_where_the_store_fails_at_the_start_the_next_tick_begins_anew(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["value 7"], BEGIN)
    with monkeypatch.context() as patched:
        patched.setattr(telemetry.patterns, "shapes", failing)
        with pytest.raises(StoreError):
            patterns.tick(BEGIN + LAG)
    assert patterns.tick(BEGIN + LAG) == 1


def test_what_could_not_be_noted_is_noted_later(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["value 7"], BEGIN)
    with monkeypatch.context() as patched:
        patched.setattr(telemetry.patterns, "note", failing)
        with pytest.raises(StoreError):
            patterns.tick(BEGIN + LAG)
    store(telemetry, ["disk full"], BEGIN + timedelta(seconds=1))
    patterns.tick(BEGIN + LAG + timedelta(seconds=1))
    noted = telemetry.patterns.shapes(10).to_pylist()
    assert sorted(row["samples"][0] for row in noted) == ["disk full", "value 7"]


def failing(*_: object) -> None:
    raise StoreError("the disk is full")


def test_other_rules_make_nothing_new(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    store(telemetry, ["value 7 of ann"], BEGIN)
    Patterns(telemetry.patterns, 10.0).tick(BEGIN + LAG)
    monkeypatch.setattr("wellkept.ops.detect.patterns.miner.RULES", RULES + 1)
    later = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["value 9 of ann"], BEGIN + timedelta(minutes=10))
    assert later.tick(BEGIN + timedelta(minutes=11)) == 1
    window = later.window(BEGIN + timedelta(minutes=9), BEGIN + timedelta(minutes=12), 10.0)
    (first_seen,) = {i.attributes["first_seen"] for i in window.series if i.name == "log.pattern"}
    assert float(first_seen) == BEGIN.timestamp()


def test_values_of_parameters_are_counted(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["request 1 status: 200", "request 2 status: 200", "request 3 status: 500"], BEGIN)
    patterns.tick(BEGIN + LAG)
    window = patterns.window(BEGIN, BEGIN + timedelta(minutes=1), 10.0)
    sums = np.nansum(window.values, axis=0)
    counted = {
        i.attributes["value"]: float(n)
        for i, n in zip(window.series, sums, strict=True)
        if i.attributes.get("parameter") == "status"
    }
    assert counted == {"200": 2.0, "500": 1.0}


def test_secrets_are_stored_nowhere_but_in_the_line_itself(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["login with password: hunter failed"], BEGIN)
    patterns.tick(BEGIN + LAG)
    told = str(telemetry.patterns.shapes(10).to_pylist()) + str(
        patterns.window(BEGIN, BEGIN + timedelta(minutes=1), 10.0)
    )
    assert "hunter" not in told
    assert "***" in told


def test_patterns_are_listed_with_what_is_known_of_them(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, ["value 7", "value 8"], BEGIN)
    store(telemetry, ["disk full"], BEGIN, severity=17, entity="host:h1")
    patterns.tick(BEGIN + LAG)
    rows = telemetry.patterns.listed(BEGIN - timedelta(hours=1), BEGIN + timedelta(hours=1)).to_pylist()
    assert [(row["template"], row["lines"], row["severity"]) for row in rows] == [
        ("value <value>", 2, 9),
        ("disk full", 1, 17),
    ]
    only = telemetry.patterns.listed(BEGIN - timedelta(hours=1), BEGIN + timedelta(hours=1), severity=17)
    assert only["entities"].to_pylist() == [["host:h1"]]


def test_a_late_line_of_each_value_is_shown(telemetry: Telemetry) -> None:
    patterns = Patterns(telemetry.patterns, 10.0)
    store(telemetry, [f"order {n} handled in {n + 32} ms" for n in range(7)], BEGIN)
    patterns.tick(BEGIN + LAG)
    store(telemetry, ["order 8 handled in 300 ms"], BEGIN + timedelta(seconds=30))
    patterns.tick(BEGIN + timedelta(seconds=40))
    window = patterns.window(BEGIN, BEGIN + timedelta(minutes=1), 10.0)
    values = [info.attributes for info in window.series if info.name == "log.parameter"]
    samples = {about["value"]: about["sample"] for about in values if about["parameter"].startswith("duration")}
    assert samples["256..512"] == "order 8 handled in 300 ms"
    assert samples["32..64"].startswith("order ")
    assert samples["32..64"] != samples["256..512"]
