"""When the platform itself was not at work: it was suspended, starved of the processor, or did not run at all.

Meanwhile nobody could tell it anything, so what it did not hear says nothing of others.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wellkept.kernel.clock import Clock

BEAT_S = 2.0
"""How often it is noted that the process runs."""
FRESH_S = 1.0
"""What was noted within so long is not noted again, however often somebody asks."""
SHORTEST_S = 15.0
"""A busy machine lets a thread wait for some seconds; what is shorter is no pause."""
KEPT_S = 86_400.0
"""Pauses that ended longer ago are forgotten."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pause:
    """From the last beat before it to the first one after it, seconds since the epoch."""

    start_s: float
    end_s: float

    @property
    def lasted_s(self) -> float:
        return self.end_s - self.start_s


def paused_s(pauses: Iterable[Pause], start_s: float, end_s: float) -> float:
    """How much of a stretch of time lies in pauses."""
    return sum(max(0.0, min(one.end_s, end_s) - max(one.start_s, start_s)) for one in pauses)


class Pauses:
    """Notes when the process runs, and so when it did not. Any thread may ask, and each that asks notes it first.

    It goes by the clock of the wall: a machine that slept or was moved leaves no trace on any other one. So a clock
    that is set ahead is a pause, too. ``path``: a file that holds the time of the last beat, so that the time in which
    no process ran is known as well. Nothing is noted before :meth:`begin`.
    """

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock, self._path = clock, path
        self._beat_s: float | None = None
        self._ran_s = 0.0
        self._known: tuple[Pause, ...] = ()
        self._stops: tuple[tuple[float, float], ...] = ()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """From now on :meth:`beat` is called every ``BEAT_S`` seconds."""
        with self._lock:
            self._ran_s = time.monotonic()
            self._beat_s = self._last()
        self.beat()

    def beat(self) -> None:
        """Note that the process runs."""
        with self._lock:
            if self._beat_s is None:
                return
            now_s, ran_s = self._clock.now().timestamp(), time.monotonic()
            if 0 <= now_s - self._beat_s < FRESH_S and ran_s - self._ran_s < FRESH_S:
                return
            if now_s < self._beat_s:  # a clock that was set back: what it said before is of no time
                self._known = tuple(one for one in self._known if one.end_s <= now_s)
            if now_s - self._beat_s >= SHORTEST_S:
                pause = Pause(self._beat_s, now_s)
                _log.info("the platform itself was not at work for %.0f s", pause.lasted_s)
                self._known = (*(one for one in self._known if now_s - one.end_s < KEPT_S), pause)
            if ran_s - self._ran_s >= SHORTEST_S:
                self._stops = (*(one for one in self._stops if ran_s - one[1] < KEPT_S), (self._ran_s, ran_s))
            self._beat_s, self._ran_s = now_s, ran_s
            self._keep(now_s)

    def known(self) -> tuple[Pause, ...]:
        """The pauses of the last day, oldest first."""
        self.beat()
        return self._known

    def lost_s(self, since: float) -> float:
        """For how many seconds since a moment of ``time.monotonic`` the process was there and did not run."""
        self.beat()
        return sum(max(0.0, end - max(start, since)) for start, end in self._stops)

    def _last(self) -> float:
        """When a process that was here before ran last; now where there was none."""
        now_s = self._clock.now().timestamp()
        try:
            return min(now_s, self._path.stat().st_mtime) if self._path is not None else now_s
        except OSError:
            return now_s

    def _keep(self, now_s: float) -> None:
        if self._path is None:
            return
        try:
            self._path.touch()
            os.utime(self._path, (now_s, now_s))
        except OSError as error:
            _log.debug("when the platform ran last is not kept: %s", error)
