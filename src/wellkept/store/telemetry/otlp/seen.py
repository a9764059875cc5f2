"""Which resources were noted in the present minute, so that the statement for them is left out where nothing is new."""

from __future__ import annotations

import threading
from collections.abc import Iterable

_MINUTE_NS = 60_000_000_000
_REMEMBERED = 20_000


class SeenResources:
    """Remembers encoded resources by signal and minute; forgets the rest."""

    def __init__(self) -> None:
        self._minute: dict[str, int] = {}
        self._seen: dict[str, set[bytes]] = {}
        self._lock = threading.Lock()

    def are_known(self, signal: str, found: Iterable[bytes], received_ns: int) -> bool:
        """Whether every one of them was noted in this minute."""
        with self._lock:
            seen = self._seen.get(signal, set())
            return self._minute.get(signal) == received_ns // _MINUTE_NS and all(one in seen for one in found)

    def note(self, signal: str, found: Iterable[bytes], received_ns: int) -> None:
        """They are stored with this time of receipt."""
        minute = received_ns // _MINUTE_NS
        with self._lock:
            if self._minute.get(signal) != minute or len(self._seen[signal]) > _REMEMBERED:
                self._minute[signal], self._seen[signal] = minute, set()
            self._seen[signal].update(found)
