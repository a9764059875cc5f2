"""What is still to be grouped, taken in turns: a storm of one entity does not keep the finding of another waiting."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from wellkept.store.state.findings import Mark


class Backlog:
    """Marks of findings, in a lane for each entity. One that changes again while it waits keeps its place."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[str]] = OrderedDict()
        self._waiting: dict[str, Mark] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            if mark.finding not in self._waiting:
                # What names no entity has to do with nothing else that names none: each is a lane of its own.
                self._lanes.setdefault(mark.entity or mark.finding, deque()).append(mark.finding)
            self._waiting[mark.finding] = mark

    def take(self, most: int) -> list[Mark]:
        """At most so many: each lane gives a like share, and those that gave come last in the next turn."""
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
        return [self._waiting.pop(finding) for finding in taken]
