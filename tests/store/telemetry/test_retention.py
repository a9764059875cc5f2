"""Retention: a signal is kept as long as the settings say, and its tables are altered only when that changes."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.store.fixtures import Opening
from tests.store.telemetry.scenes import NOON

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.engine import EmbeddedEngine
from wellkept.store.telemetry.retention import SIGNALS, apply_retention
from wellkept.store.telemetry.telemetry import Telemetry

TABLES = {
    "metrics": {"metric_points"},
    "minutes": {"metric_minutes"},
    "hours": {"metric_hours", "metric_rollups"},
    "logs": {"otel_logs"},
    "traces": {"otel_traces"},
    "predictions": {"predictions", "prediction_ids", "labels"},
    "changes": {"changes"},
}
_ENGINES = "SELECT name, engine_full AS text FROM system.tables WHERE database = currentDatabase()"


@pytest.fixture
def store(opening: Opening) -> EmbeddedEngine:
    engine: EmbeddedEngine = opening(Telemetry).engine
    return engine


def days(engine: EmbeddedEngine) -> dict[str, int]:
    """The days of TTL of each table that has one."""
    rows = engine.query(_ENGINES).to_pylist()
    found = {row["name"]: re.search(r"TTL [\w, ()]+ \+ toIntervalDay\(\D*(\d+)", row["text"]) for row in rows}
    return {name: int(match.group(1)) for name, match in found.items() if match}


def kept(engine: EmbeddedEngine) -> dict[str, set[int]]:
    """The days that each signal's tables are kept."""
    found = days(engine)
    return {signal: {found.get(name, 0) for name in names} for signal, names in TABLES.items()}


@pytest.mark.parametrize("signal", SIGNALS)
def test_set_changed_and_removed(store: EmbeddedEngine, signal: str) -> None:
    assert days(store) == {}
    for wanted in (30, 7, 0, 14):
        assert apply_retention(store, {signal: wanted}) == (signal,)
        assert kept(store) == {key: {wanted} if key == signal else {0} for key in TABLES}
        assert apply_retention(store, {signal: wanted}) == ()


def test_every_signal_by_itself(store: EmbeddedEngine) -> None:
    wanted = {signal: float(10 + index) for index, signal in enumerate(SIGNALS)}
    assert apply_retention(store, wanted) == (*SIGNALS, "series")
    assert kept(store) == {signal: {int(wanted[signal])} for signal in SIGNALS}
    assert apply_retention(store, {**wanted, "logs": 3}) == ("logs",)
    assert apply_retention(store, {}) == ()


def test_what_series_are_is_kept_as_long_as_the_longest_tier(store: EmbeddedEngine) -> None:
    series = ("metric_series", "resources", "prometheus_series")
    apply_retention(store, {"metrics": 30})
    assert not set(series) & set(days(store))
    apply_retention(store, {"metrics": 800, "minutes": 90, "hours": 730})
    assert {days(store)[name] for name in series} == {800}
    apply_retention(store, {"metrics": 30})
    assert {days(store)[name] for name in series} == {730}


def test_it_holds_over_a_reopening(opening: Opening) -> None:
    opening(Telemetry, {"logs": 5}).close()
    assert kept(opening(Telemetry, {"logs": 5}).engine)["logs"] == {5}


@pytest.mark.parametrize("wanted", [5, 0])
def test_an_application_that_was_cut_short_is_done_again(store: EmbeddedEngine, wanted: int) -> None:
    """The tables were altered, but that was not noted down any more."""
    apply_retention(store, {"metrics": 9})
    apply_retention(store, {"metrics": wanted})
    store.command("ALTER TABLE retention DELETE WHERE 1 SETTINGS mutations_sync = 1")
    store.command("INSERT INTO retention SELECT 'metrics', 9, now64(3)")
    assert apply_retention(store, {"metrics": wanted}) == ("metrics",)
    assert kept(store)["metrics"] == {wanted}


def test_what_is_too_old_goes_and_the_rest_stays(store: EmbeddedEngine) -> None:
    apply_retention(store, {"changes": 7})
    now = datetime.now(UTC)
    for age in (1, 8, 400):
        store.command(
            "INSERT INTO changes (id, at) SELECT {id:String}, {at:DateTime64(6, 'UTC')}",
            {"id": f"{age} days old", "at": now - timedelta(days=age)},
        )
    store.command("OPTIMIZE TABLE changes FINAL")
    assert store.query("SELECT id FROM changes")["id"].to_pylist() == ["1 days old"]


def test_a_very_long_time_is_long_and_not_over(store: EmbeddedEngine) -> None:
    """The engine's dates end in 2106; a sum beyond that would come out in the past."""
    apply_retention(store, {"changes": 30_000})
    store.command("INSERT INTO changes (id, at) SELECT 'a', {at:DateTime64(6, 'UTC')}", {"at": NOON})
    store.command("INSERT INTO changes (id, at) SELECT 'b', {at:DateTime64(6, 'UTC')}", {"at": NOON.replace(year=2090)})
    store.command("OPTIMIZE TABLE changes FINAL")
    assert store.query("SELECT id FROM changes ORDER BY id")["id"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("value", [-1, 1.5, math.nan, math.inf, 2**40])
def test_days_that_are_no_number_of_days(store: EmbeddedEngine, value: float) -> None:
    with pytest.raises(InputError, match=r"retention of logs: must be a whole number of days"):
        apply_retention(store, {"logs": value})


def test_a_signal_that_is_not_known(store: EmbeddedEngine) -> None:
    with pytest.raises(InputError, match=r"retention of profiles: must be of one of metrics, minutes, hours, logs"):
        apply_retention(store, {"profiles": 3})
