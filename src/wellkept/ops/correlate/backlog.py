"""What is still to be grouped, taken in turns: a storm of one entity does not keep the finding of another waiting."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from wellkept.store.state.findings import Mark


class Backlog:
    """Ids of findings, in a lane for each entity. One that changes again while it waits keeps its place."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[str]] = OrderedDict()
        self._waiting: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            if mark.finding not in self._waiting:
                self._waiting.add(mark.finding)
                # What names no entity has to do with nothing else that names none: each is a lane of its own.
                self._lanes.setdefault(mark.entity or mark.finding, deque()).append(mark.finding)

    def take(self, most: int) -> list[str]:
        """At most so many ids: each lane gives a like share, and those that gave come last in the next turn."""
        taken: list[str] = []
        while self._lanes and len(taken) < most:
            share = max(1, (most - len(taken)) // len(self._lanes))
            for name in list(self._lanes)[: most - len(taken)]:
                lane = self._lanes[name]
                taken += [lane.popleft() for _ in range(min(share, len(lane), most - len(taken)))]
                if lane:
                    self._lanes.move_to_end(name)
                else:
                    del self._lanes[name]
        self._waiting.difference_update(taken)
        return taken
