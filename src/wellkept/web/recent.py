"""What was computed a moment ago is computed once for everybody who asks now.

Ten open browsers cost what one costs. Whoever comes while another computes gets what there was before, if it is not
too old, and waits otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from wellkept.kernel.clock import Clock

T = TypeVar("T")

KEPT = 256
STALE = timedelta(seconds=30)


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    made_at: datetime | None = None
    value: Any = None


class Recent:
    """A small cache by age. Errors are not kept: the next one tries again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: dict[Hashable, _Slot] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, for_s: float, make: Callable[[], T]) -> T:
        """The value under ``key``, made anew when it is older than ``for_s`` seconds."""
        slot = self._slot(key)
        if self._age(slot) <= timedelta(seconds=for_s):
            return cast("T", slot.value)
        if not slot.lock.acquire(blocking=self._age(slot) > STALE):
            return cast("T", slot.value)
        try:
            if self._age(slot) > timedelta(seconds=for_s):
                slot.value = make()
                slot.made_at = self._clock.now()
            return cast("T", slot.value)
        finally:
            slot.lock.release()

    def forget(self) -> None:
        """Make everything anew when it is next asked for (a person has just decided something)."""
        with self._lock:
            self._slots.clear()

    def _age(self, slot: _Slot) -> timedelta:
        return timedelta.max if slot.made_at is None else self._clock.now() - slot.made_at

    def _slot(self, key: Hashable) -> _Slot:
        with self._lock:
            if key not in self._slots and len(self._slots) >= KEPT:
                self._slots.pop(next(iter(self._slots)))
            return self._slots.setdefault(key, _Slot())
