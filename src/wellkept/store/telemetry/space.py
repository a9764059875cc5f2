"""The room on the disk of the telemetry store: below a floor nothing more is taken in.

The embedded engine does not notice when a write fails for want of space: it goes on, and says that it has stored what
is not on the disk. So the disk must never be full under it, and what was written while room was short is read back
(``proof.py``) before anybody is told that it is stored.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wellkept.kernel.errors import OverloadError

FLOOR_BYTES = 64 << 20
"""So much has to be free for anything to be taken in: the engine merges what it has, and SQLite writes, too."""
TIGHT_BYTES = 1 << 30
"""With less than this free, something else might fill the disk within the time of one write."""
ANSWER_FOR_S = 1.0
RETRY_AFTER_S = 5


def free_of(folder: Path) -> Callable[[], int]:
    """Looks how many bytes the file system of a folder has left for us."""
    return lambda: shutil.disk_usage(folder).free


class Space:
    """Asks the file system; a look costs some microseconds. Safe to use from several threads."""

    def __init__(self, free: Callable[[], int], *, floor: int = FLOOR_BYTES, tight: int = TIGHT_BYTES) -> None:
        self.free, self.floor, self.tight = free, floor, tight
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._last = self._lowest = 0

    def check(self) -> None:
        """Refuse where there is no room, by an answer that may be a second old: it is asked for every request.

        Raises:
            OverloadError: less is free than the floor.
        """
        if time.monotonic() - self._looked_at > ANSWER_FOR_S:
            self.look()
        self._refuse(self._last)

    def guard(self) -> None:
        """The same, by a look of this moment: something is about to be written.

        Raises:
            OverloadError: less is free than the floor.
        """
        self._refuse(self.look())

    def look(self) -> int:
        """How many bytes are free now."""
        free = self.free()
        with self._lock:
            self._lowest = min(self._lowest, free) if self._looked_at > float("-inf") else free
            self._last, self._looked_at = free, time.monotonic()
        return free

    def lowest(self) -> int:
        """The least that was seen since this was last asked."""
        free = self.look()
        with self._lock:
            lowest, self._lowest = self._lowest, free
        return lowest

    def has_room(self) -> bool:
        """Whether anything may be written."""
        return self.look() >= self.floor

    def is_tight(self) -> bool:
        """Whether what is written has to be looked at again."""
        return self.look() < self.tight

    def _refuse(self, free: int) -> None:
        if free < self.floor:
            message = f"disk of the telemetry store: at least {self.floor >> 20} MiB must be free, {free >> 20} MiB are"
            raise OverloadError(message, RETRY_AFTER_S)
