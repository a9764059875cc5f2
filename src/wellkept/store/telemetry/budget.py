"""The disk budget: before the disk is full the oldest goes first, and it is written down what went and why."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.errors import OverloadError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.partitions import SIGNALS, Partition, Partitions, Stored

_RAW = ("metric_points", "otel_logs", "otel_traces")
_LAST_TO_GO = ("metric_minutes", "predictions", "metric_hours")
"""In this order: the tiers are small for what they tell, and predictions are what models are judged by."""
_SPARE = 0.1
"""So much below the budget, so that not every look finds it exceeded anew."""
_SHORTEST, _LONGEST = timedelta(minutes=10), timedelta(hours=6)
_NOTE = """
INSERT INTO removals
SELECT {at:DateTime64(3, 'UTC')}, {name:String}, {start:DateTime64(3, 'UTC')}, {until:DateTime64(3, 'UTC')},
    {bytes:UInt64}, {reason:String}"""
_LATELY = "SELECT at, name, start, until, bytes, reason FROM removals ORDER BY at DESC, name LIMIT {limit:UInt32}"


@dataclass(frozen=True, slots=True)
class Limits:
    """``budget``: bytes that all telemetry may take; 0 for no such limit. ``reserve``: bytes that stay free."""

    budget: int
    reserve: int


@dataclass(frozen=True, slots=True)
class Removal:
    """What went: ``name`` is a signal or a tier. It held what is from ``start`` until ``until``."""

    at: datetime
    name: str
    start: datetime
    until: datetime
    bytes: int
    reason: str

    @property
    def sentence(self) -> str:
        """The same for a person."""
        size, day = f"{self.bytes / (1 << 20):,.1f} MiB", "%Y-%m-%d %H:%M"
        return f"removed {size} of {self.name} of {self.start:{day}} to {self.until:{day}} UTC: {self.reason}"


class Budget:
    """Looks what there is and lets go of the oldest. One thread calls ``keep``; ``status`` may be asked by any."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits
        self._partitions = Partitions(engine)
        self._sizes: deque[tuple[datetime, int]] = deque()
        self._unwritten: list[Removal] = []

    def keep(self, now: datetime) -> list[Removal]:
        """Remove what has to go at this moment; gives what went.

        Past days of points, logs and traces go first, the oldest of them all together; then hours of the present day,
        but for the last two; then minutes, predictions and hours by their own partitions.

        Raises:
            StoreError: the engine failed.
        """
        stored = self._partitions.stored()
        self._note_size(now, stored.bytes)
        excess, reason = self._excess(stored)
        removed: list[Removal] = []
        for partition in self._candidates(stored, now):
            if sum(removal.bytes for removal in removed) >= excess:
                break
            removed.append(self._drop(partition, now, reason))
        if not removed and excess > 0:
            removed = self._cut_today(now, stored, reason) or self._last(stored, now, reason)
        self._write_down()
        return removed

    def status(self, now: datetime) -> dict[str, Any]:
        """What telemetry takes, what it may take, what went lately, and when it will be full at the present pace."""
        stored = self._partitions.stored()
        by_signal = {signal: stored.by_table.get(table, 0) for table, signal in SIGNALS.items()}
        full_s = self._full_in_s(stored)
        return {
            "bytes": stored.bytes,
            "by_signal": by_signal | {"rest": stored.bytes - sum(by_signal.values())},
            "free": self._engine.space.look(),
            "budget": self._limits.budget,
            "reserve": self._limits.reserve,
            "full_at": None if full_s is None else (now + timedelta(seconds=full_s)).isoformat(timespec="minutes"),
            "removed": [asdict(removal) | {"sentence": removal.sentence} for removal in self.lately(10)],
        }

    def lately(self, limit: int) -> list[Removal]:
        """What went last, newest first."""
        return [Removal(**row) for row in self._engine.query(_LATELY, {"limit": limit}).to_pylist()]

    def _excess(self, stored: Stored) -> tuple[int, str]:
        """How many bytes have to go, and why."""
        budget, reserve = self._limits.budget, self._limits.reserve
        free = self._engine.space.look() + stored.leaving
        wanted = (0, "")
        if budget and stored.bytes > budget:
            mib = budget >> 20
            wanted = (stored.bytes - round(budget * (1 - _SPARE)), f"telemetry takes more than its budget of {mib} MiB")
        if free < reserve and round(reserve * (1 + _SPARE)) - free > wanted[0]:
            wanted = (round(reserve * (1 + _SPARE)) - free, f"the disk has less than {reserve >> 20} MiB free")
        return wanted

    def _candidates(self, stored: Stored, now: datetime) -> Iterator[Partition]:
        past = [part for part in stored.partitions if part.table in _RAW and part.end <= now]
        yield from sorted(past, key=lambda part: (part.start, part.table))

    def _cut_today(self, now: datetime, stored: Stored, reason: str) -> list[Removal]:
        """The oldest hour of the present day, of every signal; the hour before this one stays."""
        firsts = {table: first for table in _RAW if (first := self._partitions.first_hour(table))}
        if not firsts or min(firsts.values()) + timedelta(hours=2) > now:
            return []
        start = min(firsts.values())
        until = start + timedelta(hours=1)
        removed = []
        for table in (table for table, first in firsts.items() if first < until):
            self._partitions.cut(table, until)
            left = self._partitions.stored().by_table.get(table, 0)
            freed = max(0, stored.by_table.get(table, 0) - left)
            removed.append(self._gone(Removal(now, SIGNALS[table], start, until, freed, reason)))
        return removed

    def _last(self, stored: Stored, now: datetime, reason: str) -> list[Removal]:
        """The oldest partition of the first that there is of what goes last."""
        for table in _LAST_TO_GO:
            past = [part for part in stored.partitions if part.table == table and part.end <= now]
            if past:
                return [self._drop(min(past, key=lambda part: part.start), now, reason)]
        return []

    def _drop(self, partition: Partition, now: datetime, reason: str) -> Removal:
        self._partitions.drop(partition)
        return self._gone(Removal(now, partition.signal, partition.start, partition.end, partition.bytes, reason))

    def _gone(self, removal: Removal) -> Removal:
        """To be written down, even if the engine fails at what goes next."""
        self._unwritten.append(removal)
        return removal

    def _write_down(self) -> None:
        """Readers go by this: what was removed early is not there to be read. What cannot be written now is later."""
        with contextlib.suppress(OverloadError):
            while self._unwritten:
                self._engine.command(_NOTE, asdict(self._unwritten[0]))
                self._unwritten.pop(0)

    def _note_size(self, now: datetime, size: int) -> None:
        self._sizes.append((now, size))
        while now - self._sizes[0][0] > _LONGEST:
            self._sizes.popleft()

    def _full_in_s(self, stored: Stored) -> float | None:
        """Seconds until the budget, or the reserve, is reached at the pace of the last hours; None: not in sight."""
        sizes = list(self._sizes)
        if len(sizes) < 2 or sizes[-1][0] - sizes[0][0] < _SHORTEST:
            return None
        pace = (sizes[-1][1] - sizes[0][1]) / (sizes[-1][0] - sizes[0][0]).total_seconds()
        rooms = [self._engine.space.look() + stored.leaving - self._limits.reserve]
        if self._limits.budget:
            rooms.append(self._limits.budget - stored.bytes)
        return max(0, min(rooms)) / pace if pace > 0 else None
