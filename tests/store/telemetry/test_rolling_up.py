"""Rolling up: what is late, what came twice, what ended, what is gone, and a restart."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.store.fixtures import KEPT

from wellkept.store.telemetry import tiers as tiers_module
from wellkept.store.telemetry.resolution import ONLY_POINTS
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.tiers import Tiers

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
MIDNIGHT = -720.0
STALE = np.uint64(0x7FF0000000000002).view(np.float64)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def put(telemetry: Telemetry, *points: tuple[float, float]) -> None:
    """Points of one series: (minutes after noon, value)."""
    columns = {
        "series": pa.array([1] * len(points), pa.uint64()),
        "time": pa.array([round(at(minutes).timestamp() * 1000) for minutes, _ in points], pa.timestamp("ms", "UTC")),
        "value": pa.array([value for _, value in points], pa.float64()),
    }
    telemetry.engine.insert_arrow("metric_points", pa.table(columns))


def keep(telemetry: Telemetry, **days: int) -> None:
    """What is noted of the retention, and no more: the engine itself goes by the clock of the machine."""
    KEPT.let_go_after()
    for signal, count in days.items():
        note = "INSERT INTO retention SELECT {signal:String}, {days:UInt32}, now64(3)"
        telemetry.engine.command(note, {"signal": signal, "days": count})


def hour_of(minutes: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([at(minutes).timestamp() // 3600], dtype=np.int64)


def buckets(telemetry: Telemetry, table: str = "metric_hours") -> list[tuple[float, ...]]:
    """(last, least, greatest, total, samples) of each bucket in order."""
    columns = "last, least, greatest, total, samples"
    rows = telemetry.engine.query(f"SELECT {columns} FROM {table} FINAL ORDER BY time")
    return [tuple(row.values()) for row in rows.to_pylist()]


def test_an_hour_is_rolled_up_when_it_has_ended(telemetry: Telemetry) -> None:
    tiers = Tiers(telemetry.engine)
    put(telemetry, (0, 1.0), (30, 2.0))
    assert tiers.coverage == ONLY_POINTS
    tiers.roll_up(at(59))
    assert buckets(telemetry) == []
    tiers.roll_up(at(61))
    assert buckets(telemetry) == []
    tiers.roll_up(at(63))
    assert buckets(telemetry) == [(2.0, 1.0, 2.0, 3.0, 2)]
    assert buckets(telemetry, "metric_minutes") == [(1.0, 1.0, 1.0, 1.0, 1), (2.0, 2.0, 2.0, 2.0, 1)]
    assert tiers.coverage.rolled_ms == round(at(60).timestamp() * 1000)


def test_hours_that_begin_later_need_no_note(telemetry: Telemetry) -> None:
    tiers = Tiers(telemetry.engine)
    tiers.roll_up(at(0))
    put(telemetry, (70, 1.0))
    tiers.roll_up(at(200))
    assert buckets(telemetry) == [(1.0, 1.0, 1.0, 1.0, 1)]


def test_a_point_that_came_twice_counts_once_and_a_stale_marker_is_no_value(telemetry: Telemetry) -> None:
    put(telemetry, (0, 1.0), (1, 5.0), (2, STALE))
    put(telemetry, (1, 5.0))
    Tiers(telemetry.engine).roll_up(at(70))
    assert buckets(telemetry) == [(5.0, 1.0, 5.0, 6.0, 2)]


def test_late_points_change_their_hour(telemetry: Telemetry) -> None:
    tiers = Tiers(telemetry.engine)
    put(telemetry, (0, 1.0))
    tiers.roll_up(at(70))
    put(telemetry, (30, 9.0))
    tiers.note(hour_of(30))
    tiers.roll_up(at(71))
    assert buckets(telemetry) == [(1.0, 1.0, 1.0, 1.0, 1)], "it was rolled up a moment ago"
    tiers.roll_up(at(81))
    assert buckets(telemetry) == [(9.0, 1.0, 9.0, 10.0, 2)]
    assert tiers.coverage.rolled_ms == round(at(60).timestamp() * 1000)


def test_late_points_that_were_noted_are_not_forgotten_by_a_restart(telemetry: Telemetry) -> None:
    tiers = Tiers(telemetry.engine)
    put(telemetry, (0, 1.0), (70, 1.0), (130, 1.0), (190, 1.0), (250, 1.0))
    tiers.roll_up(at(400))
    put(telemetry, (30, 9.0))
    tiers.note(hour_of(30))
    tiers.roll_up(at(401))
    again = Tiers(telemetry.engine)
    again.roll_up(at(402))
    assert buckets(telemetry)[0] == (9.0, 1.0, 9.0, 10.0, 2)


@pytest.mark.parametrize("turns", [0, 1])
def test_late_points_are_not_forgotten_by_a_process_that_ends_before_its_next_turn(
    telemetry: Telemetry, turns: int
) -> None:
    put(telemetry, (0, 1.0), (70, 1.0), (130, 1.0), (190, 1.0), (250, 1.0))
    Tiers(telemetry.engine).roll_up(at(400))
    killed = Tiers(telemetry.engine)
    for turn in range(turns):
        killed.roll_up(at(401 + turn))
    for minute, value in ((30, 9.0), (31, 10.0)):
        put(telemetry, (minute, value))
        killed.note(hour_of(minute))
    states = telemetry.engine.query("SELECT countIf(is_due) AS due FROM metric_rollups FINAL")
    again = Tiers(telemetry.engine)
    again.roll_up(at(403))
    assert states["due"].to_pylist() == [1]
    assert buckets(telemetry)[0] == (10.0, 1.0, 10.0, 20.0, 3)
    again.roll_up(at(404))
    assert telemetry.engine.query("SELECT countIf(is_due) AS due FROM metric_rollups FINAL")["due"].to_pylist() == [0]


def test_after_a_restart_the_recent_past_is_rolled_up_anew_and_what_came_while_it_was_down(
    telemetry: Telemetry,
) -> None:
    put(telemetry, (0, 1.0))
    Tiers(telemetry.engine).roll_up(at(63))
    put(telemetry, (59, 7.0), (70, 3.0))
    assert Tiers(telemetry.engine).roll_up(at(130)) >= 2
    assert buckets(telemetry) == [(7.0, 1.0, 7.0, 8.0, 2), (3.0, 3.0, 3.0, 3.0, 1)]


def test_an_hour_whose_points_are_gone_keeps_what_it_was(telemetry: Telemetry) -> None:
    """What comes late for it fills the buckets that are not there."""
    keep(telemetry, metrics=30, minutes=90, hours=700)
    put(telemetry, (0, 1.0), (1, 2.0))
    tiers = Tiers(telemetry.engine)
    tiers.roll_up(at(70))
    telemetry.engine.command("TRUNCATE TABLE metric_points")
    put(telemetry, (0.5, 99.0), (2, 4.0), (-60, 8.0))
    later = NOON + timedelta(days=40)
    tiers.note(hour_of(0))
    tiers.note(hour_of(-60))
    tiers.roll_up(later)
    assert buckets(telemetry) == [(8.0, 8.0, 8.0, 8.0, 1), (2.0, 1.0, 2.0, 3.0, 2)]
    assert [bucket[0] for bucket in buckets(telemetry, "metric_minutes")] == [8.0, 1.0, 2.0, 4.0]


def test_what_is_older_than_every_tier_is_left_alone(telemetry: Telemetry) -> None:
    keep(telemetry, metrics=3, minutes=9, hours=20)
    put(telemetry, (0, 1.0))
    tiers = Tiers(telemetry.engine)
    tiers.note(hour_of(0))
    tiers.roll_up(NOON + timedelta(days=30))
    assert buckets(telemetry) == []
    tiers.note(hour_of(0))
    tiers.roll_up(NOON + timedelta(days=12))
    assert len(buckets(telemetry)) == 1
    assert buckets(telemetry, "metric_minutes") == []


def test_a_busy_hour_is_rolled_up_in_parts_over_several_turns(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes late between two turns has the hour rolled up once more."""
    monkeypatch.setattr(tiers_module, "_POINTS_AT_ONCE", 7)
    columns = {
        "series": pa.array(range(0, 1 << 64, 1 << 56), pa.uint64()),
        "time": pa.array([round(at(MIDNIGHT + 3).timestamp() * 1000)] * 256, pa.timestamp("ms", "UTC")),
        "value": pa.array(np.arange(256.0)),
    }
    telemetry.engine.insert_arrow("metric_points", pa.table(columns))
    moments = itertools.chain([0.0] * 3, itertools.repeat(100.0))
    tiers = Tiers(telemetry.engine, lambda: next(moments))
    assert tiers.roll_up(at(70), at_most_s=50) == 0
    first = len(buckets(telemetry))
    assert 0 < first < 256
    assert tiers.coverage.rolled_ms == round(at(MIDNIGHT).timestamp() * 1000)
    put(telemetry, (MIDNIGHT + 9, 1000.0))
    tiers.note(hour_of(MIDNIGHT + 9))
    assert tiers.roll_up(at(71), at_most_s=50) >= 1
    assert len(buckets(telemetry)) == 256
    tiers.roll_up(at(90), at_most_s=50)
    assert len(buckets(telemetry)) == 257
    assert sum(bucket[3] for bucket in buckets(telemetry)) == 1000 + sum(range(256))


def test_a_turn_ends_in_time_and_the_next_one_goes_on(telemetry: Telemetry) -> None:
    put(telemetry, *((day * 1440.0 * 6, 1.0) for day in range(3)))
    tiers = Tiers(telemetry.engine)
    now = NOON + timedelta(days=13)
    assert tiers.roll_up(now, at_most_s=0) == 0
    assert tiers.coverage.rolled_ms < round(NOON.timestamp() * 1000)
    tiers.roll_up(now)
    assert len(buckets(telemetry)) == 3
