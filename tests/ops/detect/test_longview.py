"""Days of history are read part by part, kept, and continued by what is new; too many series make them coarser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.longview import LongView, joined, through_restarts
from wellkept.store.telemetry.window import SeriesInfo, Window

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SETTINGS = DetectSettings(long_days=3)
DISK = SeriesInfo(1, "system.filesystem.usage", "By", "gauge", "disk:h:/")
OTHER = SeriesInfo(2, "queue.size", "1", "gauge", "service:a")


@dataclass
class Store:
    """Answers with the time of each step as its value, and notes what it was asked."""

    asked: list[tuple[datetime, datetime, float, Sequence[str] | None]] = field(default_factory=list)

    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window:
        self.asked.append((start, end, step_s, names))
        count = round((end - start).total_seconds() / step_s)
        times = start.timestamp() + step_s * np.arange(1, count + 1).astype(np.float64)
        return Window(times, times[:, None].copy(), (DISK,))


def test_one_more_day_after_each_look_until_all_are_there() -> None:
    store = Store()
    days = LongView(store, SETTINGS)
    lengths = []
    for second in range(0, 50, 10):
        window = days.at(NOON + timedelta(seconds=second), (DISK,))
        assert window is not None
        lengths.append(len(window.times))
        assert np.array_equal(window.times, window.values[:, 0])
        assert window.times[-1] == NOON.timestamp()
    assert lengths == [144, 288, 432, 432, 432]
    assert len(store.asked) == 3


def test_later_only_what_is_new_is_read() -> None:
    store = Store()
    days = LongView(store, SETTINGS)
    for second in range(0, 40, 10):
        days.at(NOON + timedelta(seconds=second), (DISK,))
    later = NOON + timedelta(hours=1, minutes=5)
    window = days.at(later, (DISK,))
    start, end, _, _ = store.asked[-1]
    assert end - start == timedelta(minutes=80)
    assert window is not None
    assert (len(window.times), window.times[-1]) == (432, (NOON + timedelta(hours=1)).timestamp())
    assert np.array_equal(np.diff(window.times), np.full(431, 600.0))


def test_nothing_is_looked_for_before_two_empty_days() -> None:
    class Young(Store):
        def window(self, *span: Any, **narrowed: Any) -> Window:
            found = super().window(*span, **narrowed)
            is_old = found.times[-1] < NOON.timestamp() - 3600
            return Window(found.times, found.values[:, :0], ()) if is_old else found

    store = Young()
    days = LongView(store, DetectSettings(long_days=14))
    for second in range(0, 100, 10):
        days.at(NOON + timedelta(seconds=second), (DISK,))
    assert len(store.asked) == 3


def test_a_long_pause_begins_anew() -> None:
    store = Store()
    days = LongView(store, SETTINGS)
    days.at(NOON, (DISK,))
    window = days.at(NOON + timedelta(days=9), (DISK,))
    assert window is not None
    assert len(window.times) == 144


def test_many_series_leave_only_the_catalogue_and_coarser_steps() -> None:
    store = Store()
    crowd = tuple(SeriesInfo(n, OTHER.name, "1", "gauge", f"service:{n}") for n in range(50_000))
    LongView(store, SETTINGS).at(NOON, (*crowd, DISK))
    assert store.asked[-1][3] is not None
    assert DISK.name in store.asked[-1][3]
    assert store.asked[-1][2] == 600.0
    disks = tuple(SeriesInfo(n, DISK.name, "By", "gauge", f"disk:h:{n}") for n in range(50_000))
    LongView(store, SETTINGS).at(NOON, disks)
    assert store.asked[-1][2] == 1800.0


def test_switched_off_it_reads_nothing() -> None:
    store = Store()
    assert LongView(store, DetectSettings(long_days=0)).at(NOON, (DISK,)) is None
    assert store.asked == []


@settings(deadline=None)
@given(split=st.integers(1, 19), overlap=st.integers(0, 5), kept=st.integers(1, 25))
def test_joining_two_parts_is_reading_both_at_once(split: int, overlap: int, kept: int) -> None:
    times = 600.0 * np.arange(1, 21).astype(np.float64)
    values = np.arange(40.0).reshape(20, 2)
    whole = Window(times, values, (DISK, OTHER))
    first = Window(times[:split], values[:split, :1], (DISK,))
    begin = max(0, split - overlap)
    second = Window(times[begin:], values[begin:], (DISK, OTHER))
    found = joined(first, second, kept) if len(first.times) > 1 else joined(whole, second, kept)
    assert np.array_equal(found.times, times[-kept:])
    assert np.array_equal(found.values[:, 0], values[-kept:, 0])
    later = found.times > times[begin] - 1
    assert np.array_equal(found.values[later, -1], values[-kept:][later, 1])


def test_a_series_goes_on_through_restarts_and_replicas_stay_apart() -> None:
    def instance(series: int, name: str, pid: str) -> SeriesInfo:
        told = {"service.name": "a", "process.pid": pid}
        return SeriesInfo(series, name, "By", "gauge", "service:a", {}, told)

    nan = np.nan
    values = np.array([[1.0, nan, 5.0, 6.0], [2.0, nan, 5.0, 6.0], [nan, 3.0, 5.0, 6.0], [nan, 4.0, 5.0, 6.0]])
    series = (instance(1, "m", "10"), instance(2, "m", "11"), instance(3, "n", "10"), instance(4, "n", "11"))
    found = through_restarts(Window(600.0 * np.arange(1, 5).astype(np.float64), values, series))
    assert [info.id for info in found.series] == [2, 3, 4]
    assert found.values[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
