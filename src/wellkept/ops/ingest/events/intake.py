"""Events in: each once, however often it is sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.clock import Clock, to_nanos
from wellkept.ops.ingest.events.cloudevents import Event
from wellkept.ops.ingest.events.meaning import add_record, change_of
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.records import Records

SCOPE = "cloudevents"
REMEMBERED = 100_000
"""So many events are known again. One that comes later still is the same by its time, its text and its attributes."""

Key = tuple[str, str]


class Changes(Protocol):
    """The stream as events see it."""

    def record(self, change: Change) -> None: ...


@dataclass(frozen=True, slots=True)
class Sorted:
    """What events come down to, and the keys of those that are new."""

    changes: tuple[Change, ...]
    records: Records
    keys: tuple[Key, ...]


class Events:
    """Sorts events. May be called from several threads."""

    def __init__(self, stream: Changes, identity: Identity, clock: Clock) -> None:
        self._stream, self._identity, self._clock = stream, identity, clock
        self._seen: OrderedDict[Key, None] = OrderedDict()
        self._turn = threading.Lock()

    def sort(self, events: Sequence[Event]) -> Sorted:
        """Tell changes from what is only said, and leave out what was stored before."""
        now = self._clock.now()
        records = Records(SCOPE, to_nanos(now))
        changes: list[Change] = []
        fresh: dict[Key, Event] = {}
        with self._turn:
            for event in events:
                if (event.source, event.id) not in self._seen:
                    fresh.setdefault((event.source, event.id), event)
        for event in fresh.values():
            change = change_of(event, self._identity, now)
            if change is None:
                add_record(records, event, self._identity)
            else:
                changes.append(change)
        return Sorted(tuple(changes), records, tuple(fresh))

    def keep(self, changes: Sequence[Change]) -> None:
        """Store changes; when it returns they are on disk.

        Raises:
            StoreError: the store refused; the same events may be sent again.
        """
        for change in changes:
            self._stream.record(change)

    def done(self, keys: Sequence[Key]) -> None:
        """These are stored: when they come again, they have been taken already."""
        with self._turn:
            self._seen.update(dict.fromkeys(keys))
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
