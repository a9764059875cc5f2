"""Learning from findings whose time is over: in order of onset, each once, also over a restart."""

from __future__ import annotations

from bisect import bisect_left, insort

from wellkept.ops.correlate.cooccurrence import CoOccurrence
from wellkept.ops.correlate.lines import Order
from wellkept.ops.correlate.placing import Places, alone, shares

_COMPANY = 5
_LAST_RANK = 99
"""Behind every finding that began at the same moment."""


class Learning:
    """What is still to be learned, in order."""

    def __init__(self, places: Places, memory: CoOccurrence) -> None:
        self._places, self._memory = places, memory
        self._line: list[Order] = []
        self._last: list[Order] = []
        self._until: Order = (memory.until, _LAST_RANK, "")

    def add(self, order: Order) -> None:
        """Learn of this finding later; what comes after its time was learned is left out."""
        if order > self._until:
            insort(self._line, order)

    def learn(self, before: float) -> int:
        """Learn of all that began before a moment (seconds since the epoch)."""
        at = bisect_left(self._line, (before, -99, ""))
        due, self._line = self._line[:at], self._line[at:]
        count = 0
        for order in due:
            entry = self._places.entries.get(order[2])
            if entry is None or entry.order != order or order == self._until:
                continue
            near = self._places.unrelated_before(entry, self._last)
            ways = shares(entry, self._places.entries)
            self._memory.learn(entry.signs, entry.moment.start, ways, alone(entry), near)
            self._last = [*self._last[-_COMPANY + 1 :], order]
            self._until = order
            count += 1
        return count
