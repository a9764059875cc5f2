"""The disk budget: the oldest goes first, no more than has to, and it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry.budget import Budget, Limits
from wellkept.store.telemetry.telemetry import Telemetry

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
MIB = 1 << 20
_POINTS = """
INSERT INTO metric_points
SELECT number, {at:DateTime64(3, 'UTC')} + toIntervalMillisecond(number % 1000), reinterpretAsFloat64(rand64())
FROM numbers({rows:UInt32})"""
_LOGS = """
INSERT INTO otel_logs (Timestamp, Body)
SELECT {at:DateTime64(3, 'UTC')}, randomString(100) FROM numbers({rows:UInt32})"""
_MINUTES = """
INSERT INTO metric_minutes (series, time, last)
SELECT number, {at:DateTime64(3, 'UTC')}, rand64() FROM numbers(999)"""
_MANY, _FEW = 130_000, 10_000
"""About one mebibyte of random points or texts, and much less."""


def put(telemetry: Telemetry, sql: str, at: datetime, rows: int = _MANY) -> None:
    telemetry.engine.command(sql, {"at": at, "rows": rows})


def days(telemetry: Telemetry, table: str = "metric_points", column: str = "time") -> list[str]:
    sql = f"SELECT DISTINCT toString(toStartOfHour({column})) AS hour FROM {table} ORDER BY hour"
    return [hour[5:13] for hour in telemetry.engine.query(sql)["hour"].to_pylist()]


def budget(telemetry: Telemetry, limit: int, reserve: int = 0) -> Budget:
    return Budget(telemetry.engine, Limits(limit, reserve))


def test_within_the_budget_nothing_goes(telemetry: Telemetry) -> None:
    put(telemetry, _POINTS, NOW - timedelta(days=3))
    for limit in (0, 100 * MIB):
        assert budget(telemetry, limit).keep(NOW) == []
    assert days(telemetry) == ["11-17 15"]


def test_the_oldest_day_of_all_signals_goes_first_and_no_more_than_has_to(telemetry: Telemetry) -> None:
    for age in (9, 7, 5, 0):
        put(telemetry, _POINTS, NOW - timedelta(days=age))
    put(telemetry, _LOGS, NOW - timedelta(days=8), _FEW)
    total = budget(telemetry, 0).status(NOW)["bytes"]
    kept = budget(telemetry, round(total * 0.99))
    removed = kept.keep(NOW)
    assert [(removal.name, removal.start.day, removal.until.day) for removal in removed] == [("metrics", 11, 12)]
    assert "telemetry takes more than its budget of" in removed[0].sentence
    assert days(telemetry) == ["11-13 15", "11-15 15", "11-20 15"]
    assert kept.keep(NOW) == []
    status = kept.status(NOW)
    assert status["bytes"] < total * 0.9
    assert [row["sentence"] for row in status["removed"]] == [removed[0].sentence]
    assert sum(status["by_signal"].values()) == status["bytes"]
    more = budget(telemetry, round(total * 0.55)).keep(NOW)
    assert [removal.name for removal in more] == ["logs", "metrics"]


def test_what_the_disk_needs_free_counts_as_well(telemetry: Telemetry) -> None:
    put(telemetry, _POINTS, NOW - timedelta(days=3))
    telemetry.engine.space.free = lambda: 200 * MIB
    assert budget(telemetry, 0, 200 * MIB).keep(NOW) == []
    (removal,) = budget(telemetry, 0, 201 * MIB).keep(NOW)
    assert removal.reason == "the disk has less than 201 MiB free"


def test_the_present_day_goes_hour_by_hour_and_the_last_two_stay(telemetry: Telemetry) -> None:
    for hour in (3, 9, 14, 15):
        put(telemetry, _POINTS, NOW.replace(hour=hour), _FEW)
    put(telemetry, _LOGS, NOW.replace(hour=3), _FEW)
    put(telemetry, _MINUTES, NOW - timedelta(days=60))
    kept = budget(telemetry, 1000)
    assert sorted((removal.name, removal.start.hour) for removal in kept.keep(NOW)) == [("logs", 3), ("metrics", 3)]
    assert days(telemetry) == ["11-20 09", "11-20 14", "11-20 15"]
    assert days(telemetry, "otel_logs", "Timestamp") == []
    assert [(removal.name, removal.start.hour) for removal in kept.keep(NOW)] == [("metrics", 9)]
    assert [(removal.name, removal.start.month) for removal in kept.keep(NOW)] == [("minutes", 9)]
    assert kept.keep(NOW) == []
    assert days(telemetry) == ["11-20 14", "11-20 15"]


def test_readers_know_what_was_removed_early(telemetry: Telemetry) -> None:
    for age in (9, 1):
        put(telemetry, _POINTS, NOW - timedelta(days=age))
    telemetry.tiers.roll_up(NOW)
    assert len(budget(telemetry, 1000).keep(NOW)) == 2
    telemetry.tiers.roll_up(NOW)
    assert telemetry.tiers.coverage.points_ms == round(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)


def test_it_says_when_it_will_be_full(telemetry: Telemetry) -> None:
    telemetry.engine.space.free = lambda: 10_000 * MIB
    kept = budget(telemetry, 1000 * MIB, 100 * MIB)
    kept.keep(NOW)
    put(telemetry, _POINTS, NOW)
    kept.keep(NOW + timedelta(minutes=9))
    assert kept.status(NOW)["full_at"] is None
    kept.keep(NOW + timedelta(minutes=20))
    full = datetime.fromisoformat(kept.status(NOW)["full_at"])
    assert timedelta(days=5) < full - NOW < timedelta(days=20)


def test_a_removal_that_could_not_be_written_down_is_later(telemetry: Telemetry) -> None:
    put(telemetry, _POINTS, NOW - timedelta(days=3))
    kept = budget(telemetry, 1000)
    telemetry.engine.space.free = lambda: 0
    removed = kept.keep(NOW)
    assert len(removed) == 1
    assert kept.lately(5) == []
    telemetry.engine.space.free = lambda: 1 << 40
    kept.keep(NOW)
    assert kept.lately(5) == removed


def test_what_went_before_the_engine_failed_is_written_down(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in (9, 7):
        put(telemetry, _POINTS, NOW - timedelta(days=age))
    kept = budget(telemetry, 1000)
    command = telemetry.engine.command

    def failing(sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        if "DROP" in sql and (parameters or {}).get("id") == "20261113":
            raise StoreError("telemetry engine: failed")
        command(sql, parameters)

    with monkeypatch.context() as broken:
        broken.setattr(telemetry.engine, "command", failing)
        with pytest.raises(StoreError):
            kept.keep(NOW)
    kept.keep(NOW)
    assert sorted(removal.start.day for removal in kept.lately(5)) == [11, 13]
