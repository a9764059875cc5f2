"""The tiers of metrics: points rolled up by the minute and by the hour, so that a long past is small and quick to read.

An hour is rolled up as a whole soon after it has ended, by a job and not by the way of its points into the store.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.resolution import ALWAYS_MS, HOUR_MS, ONLY_POINTS, Coverage
from wellkept.store.telemetry.retention import kept_days
from wellkept.store.telemetry.statements import load

GRACE_MS = 120_000
"""So long after its end an hour is rolled up: most of what comes late has come by then."""
AGAIN_MS = 600_000
"""An hour that late points touch again and again is rolled up once in so long."""
_HOURS_AT_ONCE, _POINTS_AT_ONCE = 120, 20_000_000
"""What one statement takes: many hours of a past that was brought in, or a part of the series of a busy hour."""
_NOTHING: tuple[tuple[int, ...], int, int] = ((), 0, 0)
RECENT = 2
"""So many hours before the last one that was rolled up are rolled up anew after a restart."""
_DAY_MS = 24 * HOUR_MS

_STATES = "SELECT toUnixTimestamp(hour) AS hour, is_due, noted_at FROM metric_rollups FINAL ORDER BY hour"
_NOTE = """
INSERT INTO metric_rollups
SELECT arrayJoin({hours:Array(DateTime('UTC'))}), {is_due:Bool}, {now:DateTime64(3, 'UTC')}"""
_DAYS = """
SELECT intDiv(toUnixTimestamp(toDateTime(toDate(partition), 'UTC')), 86400) AS day, sum(rows) AS points
FROM system.parts WHERE database = currentDatabase() AND table = 'metric_points' AND active GROUP BY partition"""
_REMOVED = "SELECT name, toUnixTimestamp64Milli(max(until)) AS until FROM removals GROUP BY name"


class Tiers:
    """Rolls points up, and knows which part of the past which tier holds.

    One thread rolls up; ``note`` may be called from any, and ``coverage`` read by any.
    """

    def __init__(self, engine: Engine, timer: Callable[[], float] = time.monotonic) -> None:
        """``timer``: seconds, by which a turn sees that its time is over."""
        self._engine, self._timer = engine, timer
        self._noted: set[int] = set()
        self._lock = threading.Lock()
        self._settled: dict[int, int] | None = None
        """Hours that are rolled up and not due, as the tables say it, and when that was noted (milliseconds)."""
        self._rolled: dict[int, int] = {}
        self._due: set[int] = set()
        self._next: int | None = None
        self._begun: tuple[tuple[int, ...], int, int] = _NOTHING
        """Hours of which some parts were rolled up when a turn ended, how many there are, and how many were."""
        self._touched: set[int] = set()
        self.coverage: Coverage = ONLY_POINTS
        """What readers go by; until the first turn of the job there are only points for them."""

    def note(self, hours: NDArray[np.int64]) -> None:
        """Points of these hours (since the epoch) have been stored. Cheap: the way of every group into the store.

        That an hour is due again is written down at once: whoever sent its points is told that they are stored, and the
        process may end before its next turn.

        Raises:
            StoreError, OverloadError: that could not be written down.
        """
        fresh = set(hours.tolist())
        with self._lock:
            if self._settled is None:
                states = self._engine.query(_STATES, writing=True).to_pylist()
                self._settled = {row["hour"] // 3600: millis(row["noted_at"]) for row in states if not row["is_due"]}
            if late := sorted(fresh & self._settled.keys()):
                after_ms = max(self._settled[hour] for hour in late) + 1
                self._write_down(late, datetime.fromtimestamp(after_ms / 1000, UTC), is_due=True)
                for hour in late:
                    del self._settled[hour]
            self._noted |= fresh

    def roll_up(self, now: datetime, at_most_s: float = 20.0) -> int:
        """Roll up the hours that have ended or were touched again since, oldest first; gives how many it were.

        After ``at_most_s`` seconds the rest is left for the next turn.

        Raises:
            StoreError, OverloadError: the engine failed; what is not done stays due.
        """
        now_ms = millis(now)
        bounds = self._bounds(now_ms)
        self._take(now, bounds)
        deadline, done = self._timer() + at_most_s, 0
        sizes = self._sizes(now_ms // HOUR_MS)
        for hours, parts in _portions(_runs(self._ready(bounds, now_ms), bounds), sizes):
            if not self._roll(hours, parts, bounds, now, deadline):
                break
            done += len(hours)
        self.coverage = self._covered(bounds, now_ms)
        return done

    def _sizes(self, present: int) -> dict[int, float]:
        """About how many points an hour of each day has (days since the epoch)."""
        days = {row["day"]: row["points"] for row in self._engine.query(_DAYS).to_pylist()}
        return {day: points / max(1, min(24, present - 24 * day)) for day, points in days.items()}

    def _bounds(self, now_ms: int) -> Coverage:
        """Since when each tier is kept, by the days it is kept and by what was removed for want of space."""
        days = kept_days(self._engine)
        removed = {row["name"]: row["until"] for row in self._engine.query(_REMOVED).to_pylist()}
        since = {
            name: max(removed.get(name, ALWAYS_MS), now_ms - days[name] * _DAY_MS if days.get(name) else ALWAYS_MS)
            for name in ("metrics", "minutes", "hours")
        }
        # A bucket that reaches into what is gone already would be less than it was.
        points = -(-since["metrics"] // HOUR_MS) * HOUR_MS
        return Coverage(points, since["minutes"], since["hours"], 0)

    def _take(self, now: datetime, bounds: Coverage) -> None:
        """Take over what was noted, and the hours that have begun since; at first, what the tables say is to be done.

        An hour that is to be rolled up again is written down before: that is known only here.
        """
        present = millis(now) // HOUR_MS
        if self._next is None:
            self._recall(bounds, present)
        with self._lock:
            noted, self._noted = self._noted, set()
        again = sorted(hour for hour in noted if hour in self._rolled and hour not in self._due)
        self._touched |= noted & set(self._begun[0])
        self._due |= noted
        self._due.update(range(self._next or present, present + 1))
        self._next = present + 1
        if again:
            self._write_down(again, now, is_due=True)

    def _recall(self, bounds: Coverage, present: int) -> None:
        """Hours that were due at the end of the last run, those just before, and those that were never rolled up."""
        states = self._engine.query(_STATES).to_pylist()
        self._rolled = {row["hour"] // 3600: millis(row["noted_at"]) for row in states}
        self._due = {row["hour"] // 3600 for row in states if row["is_due"]} | set(sorted(self._rolled)[-RECENT:])
        self._rolled.update(dict.fromkeys(self._due, 0))
        for day in self._sizes(present):
            hours = range(24 * day, min(24 * day + 24, present))
            self._due.update(h for h in hours if h not in self._rolled and h * HOUR_MS >= bounds.points_ms)

    def _ready(self, bounds: Coverage, now_ms: int) -> list[int]:
        """Due hours that have ended, oldest first, but for those that were rolled up a moment ago."""
        oldest = min(bounds.minutes_ms, bounds.hours_ms) - HOUR_MS
        self._due = {hour for hour in self._due if hour * HOUR_MS > oldest}
        ended = (hour for hour in self._due if (hour + 1) * HOUR_MS + GRACE_MS <= now_ms)
        return sorted(hour for hour in ended if now_ms - self._rolled.get(hour, 0) >= AGAIN_MS)

    def _roll(self, hours: Sequence[int], parts: int, bounds: Coverage, now: datetime, deadline: float) -> bool:
        """Roll some hours up, series by series in so many parts; whether that was done before the deadline."""
        start, end = hours[0] * HOUR_MS, (hours[-1] + 1) * HOUR_MS
        given = {"start": start, "end": end, "is_whole": start >= bounds.points_ms, "now": now}
        first = 0
        if self._begun[0] == tuple(hours):
            _, parts, first = self._begun
        for part in range(first, parts):
            if self._timer() > deadline:
                self._begun = (tuple(hours), parts, part)
                return False
            series = {"low": (part << 64) // parts, "high": ((part + 1 << 64) // parts) - 1}
            if start >= bounds.minutes_ms:
                self._engine.command(load("queries/roll_up_minutes.sql"), given | series)
            self._engine.command(load("queries/roll_up_hours.sql"), given | series)
        self._done(hours, now)
        return True

    def _done(self, hours: Sequence[int], now: datetime) -> None:
        """Note that hours are rolled up; those that late points touched meanwhile are due again."""
        self._write_down(hours, now, is_due=False)
        with self._lock:
            touched = sorted((self._touched | self._noted).intersection(hours))
            if self._settled is not None:
                self._settled.update(dict.fromkeys(set(hours).difference(touched), millis(now)))
        self._rolled.update(dict.fromkeys(hours, millis(now)))
        self._due.difference_update(hours)
        if touched:
            self._write_down(touched, now, is_due=True)
            self._due.update(touched)
        self._begun, self._touched = _NOTHING, set()

    def _write_down(self, hours: Sequence[int], now: datetime, *, is_due: bool) -> None:
        moments = [datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%d %H:%M:%S") for hour in hours]
        self._engine.command(_NOTE, {"hours": moments, "is_due": is_due, "now": now})

    def _covered(self, bounds: Coverage, now_ms: int) -> Coverage:
        """The same, up to the first hour that has points and was not rolled up yet."""
        waiting = [hour for hour in self._due if hour not in self._rolled and hour * HOUR_MS >= bounds.points_ms]
        until = min([*waiting, (now_ms - GRACE_MS) // HOUR_MS]) * HOUR_MS
        return Coverage(bounds.points_ms, bounds.minutes_ms, bounds.hours_ms, until)


def _runs(hours: Sequence[int], bounds: Coverage) -> Iterator[list[int]]:
    """Hours that follow one another within some days, and have the same tiers: one statement rolls them up."""

    def kind(place: tuple[int, int]) -> tuple[int, int, bool, bool]:
        index, hour = place
        start = hour * HOUR_MS
        return hour - index, hour // _HOURS_AT_ONCE, start >= bounds.points_ms, start >= bounds.minutes_ms

    for _, run in itertools.groupby(enumerate(hours), key=kind):
        yield [hour for _, hour in run]


def _portions(runs: Iterable[list[int]], sizes: Mapping[int, float]) -> Iterator[tuple[list[int], int]]:
    """Hours of one statement, or one hour in several parts, so that none takes long."""
    for run in runs:
        hours: list[int] = []
        points = 0.0
        for hour in run:
            size = sizes.get(hour // 24, 0.0)
            if hours and points + size > _POINTS_AT_ONCE:
                yield hours, _parts(points)
                hours, points = [], 0.0
            hours.append(hour)
            points += size
        yield hours, _parts(points)


def _parts(points: float) -> int:
    return max(1, math.ceil(points / _POINTS_AT_ONCE))
