"""When the platform itself was not at work is known: of a process that was stopped, and of one that was not there."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wellkept.kernel.clock import SettableClock
from wellkept.spine.pauses import Pause, Pauses, paused_s

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()


def beaten(pauses: Pauses, clock: SettableClock, *after_s: float) -> list[tuple[float, float]]:
    """The pauses after so many seconds from one beat to the next, counted from noon."""
    for seconds in after_s:
        clock.advance(timedelta(seconds=seconds))
        pauses.beat()
    return [(one.start_s - NOON_S, one.end_s - NOON_S) for one in pauses.known()]


def test_what_is_long_from_one_beat_to_the_next_is_a_pause() -> None:
    clock = SettableClock(NOON)
    pauses = Pauses(clock)
    pauses.begin()
    assert beaten(pauses, clock, 2, 2, 14) == []
    assert beaten(pauses, clock, 180, 2, 60) == [(18, 198), (200, 260)]


def test_nothing_is_noted_before_the_beginning_and_when_a_clock_is_set_back() -> None:
    clock = SettableClock(NOON)
    pauses = Pauses(clock)
    assert beaten(pauses, clock, 180) == []
    pauses.begin()
    assert beaten(pauses, clock, -3600, 2) == []
    assert beaten(pauses, clock, 3600, 2) == [(-3418, 182)]
    assert beaten(pauses, clock, -3600, 2) == [], "the clock was ahead"


def test_the_time_between_two_processes_is_one_too(tmp_path: Path) -> None:
    clock = SettableClock(NOON)
    pauses = Pauses(clock, tmp_path / "pulse")
    pauses.begin()
    assert beaten(pauses, clock, 2) == []
    clock.advance(timedelta(seconds=600))
    later = Pauses(clock, tmp_path / "pulse")
    later.begin()
    assert beaten(later, clock) == [(2, 602)]


def test_the_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    clock = SettableClock(NOON)
    pauses = Pauses(clock, tmp_path / "nowhere" / "pulse")
    pauses.begin()
    assert beaten(pauses, clock, 20) == [(0, 20)]


def test_how_much_of_a_time_a_process_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pauses = Pauses(SettableClock(NOON))
    pauses.begin()
    now = 1100.0
    assert pauses.lost_s(900.0) == 100.0
    assert pauses.lost_s(1060.0) == 40.0
    now = 1110.0
    assert pauses.lost_s(1060.0) == 40.0


def test_how_much_of_a_time_lies_in_pauses() -> None:
    assert paused_s([Pause(0, 10), Pause(20, 30)], 5, 25) == 10.0
