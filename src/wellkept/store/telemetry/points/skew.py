"""Clock skew: how far the times of points lie from that of their receipt, and which points are too far off."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.points.decoded import Whole
from wellkept.store.telemetry.points.limits import PointLimits

AHEAD_MS = 2_000
"""A point this far in the future tells that its sender's clock is ahead: it cannot have been on its way."""
FIRST_MS, LAST_MS = 0, 4_102_444_800_000
"""The beginnings of 1970 and of 2100. The tables hold nothing else, so what lies outside is refused whatever the
limits: ``0001-01-01`` is what a program writes that has no time."""


class Skew:
    """Counts points from the future and late ones. Safe for several threads."""

    def __init__(self, limits: PointLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._ahead = self._too_late = self._too_early = 0
        self._most_ahead_ms = self._most_late_ms = 0

    @staticmethod
    def ahead_ms(at: Whole, received_ms: int) -> Whole:
        """How far points lie in the future. What is no time at all tells of no clock, and is 0."""
        return np.where((at < FIRST_MS) | (at >= LAST_MS), 0, at - received_ms)

    def is_timely(self, at: Whole, ahead: Whole) -> NDArray[np.bool_]:
        """Which points are within the limits; all of them are noted. ``ahead``: see ``ahead_ms``."""
        early_ms, late_ms = self._limits.early_s * 1000, self._limits.late_s * 1000
        too_early = (at >= LAST_MS) | (ahead > early_ms if early_ms else False)
        too_late = (at < FIRST_MS) | (ahead < -late_ms if late_ms else False)
        with self._lock:
            self._ahead += int(np.count_nonzero(ahead > AHEAD_MS))
            self._too_early += int(np.count_nonzero(too_early))
            self._too_late += int(np.count_nonzero(too_late))
            self._most_ahead_ms = max(self._most_ahead_ms, int(ahead.max()))
            self._most_late_ms = max(self._most_late_ms, int(-ahead.min()))
        return ~(too_early | too_late)

    def reasons(self, at: Whole, received_ms: int) -> list[str]:
        """Why points that are not timely are refused."""
        ahead = (np.clip(at, FIRST_MS, LAST_MS) - received_ms) / 1000
        is_held = (at >= FIRST_MS) & (at < LAST_MS)
        reasons = [] if is_held.all() else ["times of points must lie between 1970 and 2100"]
        if self._limits.early_s and (ahead > self._limits.early_s).any():
            most, limit = ahead.max(), self._limits.early_s
            reasons.append(
                f"points lie up to {most:.0f} s in the future, at most {limit:g} may (ingest.metrics.early_s)"
            )
        if self._limits.late_s and (ahead < -self._limits.late_s).any():
            most, limit = -ahead.min(), self._limits.late_s
            reasons.append(f"points are up to {most:.0f} s old, at most {limit:g} may be (ingest.metrics.late_s)")
        return reasons

    def status(self) -> dict[str, float]:
        """What was seen since the start, points and seconds."""
        with self._lock:
            return {
                "points_ahead": self._ahead,
                "points_too_early": self._too_early,
                "points_too_late": self._too_late,
                "most_ahead_s": max(0, self._most_ahead_ms) / 1000,
                "most_late_s": max(0, self._most_late_ms) / 1000,
            }
