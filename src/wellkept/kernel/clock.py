"""Time and identity come in from outside: nothing below ``app`` reads a clock or draws a random number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; the platform's own clock, or a recording's."""

    def now(self) -> datetime:
        """The present moment, in UTC and aware of it."""
        ...


class SettableClock:
    """A clock that a replay or a test moves by hand."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        self._now = moment.astimezone(UTC)

    def advance(self, step: timedelta) -> None:
        self._now += step


def stable_id(prefix: str, *parts: str) -> str:
    """An id that depends on its parts alone, so that a replay gives the same ids: ``inc-3f2a9c01d4e5``."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{prefix}-{digest[:12]}"


def from_nanos(nanos: int) -> datetime:
    """Nanoseconds since the epoch as a UTC moment (microsecond resolution)."""
    seconds, rest = divmod(nanos, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1000)


def to_nanos(moment: datetime) -> int:
    """A moment as nanoseconds since the epoch, exact to the microsecond."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000
