"""Housekeeping: what it lets go of is said, as a change, in the status and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.store.fixtures import state_in, telemetry_in

from wellkept.app.housekeeping import ENTITY, Housekeeping
from wellkept.app.settings import Retention
from wellkept.kernel.change import ChangeKind
from wellkept.kernel.clock import SettableClock
from wellkept.spine.stream import Stream
from wellkept.store.telemetry.telemetry import Telemetry

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
_LOGS = """
INSERT INTO otel_logs (Timestamp, Body)
SELECT toDateTime64('2026-11-17 12:00:00', 3, 'UTC'), randomString(100) FROM numbers(20000)"""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Telemetry, Stream]]:
    telemetry = telemetry_in(tmp_path / "telemetry")
    state = state_in(tmp_path / "state")
    yield telemetry, Stream(state, telemetry.changes)
    telemetry.close()
    state.close()


def test_what_went_is_said_everywhere(stores: tuple[Telemetry, Stream], caplog: pytest.LogCaptureFixture) -> None:
    telemetry, stream = stores
    telemetry.engine.command(_LOGS)
    housekeeping = Housekeeping(telemetry, stream, SettableClock(NOW), Retention(disk_gib=0.001))
    assert len(housekeeping.notes()) == 1
    housekeeping.keep()
    (change,) = stream.changes(NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert (change.entity, change.kind) == (ENTITY, ChangeKind.RETENTION)
    assert "of logs of 2026-11-17 00:00 to 2026-11-18 00:00 UTC: telemetry takes more than its budget" in change.summary
    assert change.summary in caplog.text
    (row,) = housekeeping.status()["removed"]
    assert row["sentence"] == change.summary
    assert housekeeping.notes()[1] == f"Housekeeping {change.summary}"
    housekeeping.keep()
    assert len(stream.changes(NOW - timedelta(hours=1), NOW + timedelta(hours=1))) == 1


def test_its_loops_run(stores: tuple[Telemetry, Stream]) -> None:
    telemetry, stream = stores
    housekeeping = Housekeeping(telemetry, stream, SettableClock(NOW), Retention())
    for loop in housekeeping.loops():
        for job in loop.jobs:
            job.run()
    assert telemetry.tiers.coverage.rolled_ms == round(NOW.replace(minute=0).timestamp() * 1000)
    assert housekeeping.status()["merges_stopped"] is False


def test_backups_on_the_same_disk_give_way_before_telemetry_does(
    stores: tuple[Telemetry, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry, stream = stores
    telemetry.engine.command(_LOGS)
    there = [600, 300]

    def give_way() -> str:
        return f"let go of a backup of {there.pop()} MiB" if there else ""

    monkeypatch.setattr(telemetry.engine.space, "free", lambda: (1200 - sum(there)) << 20)
    Housekeeping(telemetry, stream, SettableClock(NOW), Retention(reserve_mib=512), give_way).keep()
    (change,) = stream.changes(NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert change.summary == "let go of a backup of 300 MiB: the disk has less than 512 MiB free"
