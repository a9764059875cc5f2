"""Bodies as files that the engine can read; they live in memory and have no name anywhere else."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import pyarrow as pa

Body = bytes | memoryview
"""A request as a door took it in; what was unpacked is not copied once more."""
KEPT, KEPT_BYTES = 3, 32 << 20
"""So many files, each of so many bytes at most, are kept for the next bodies."""


class BodyFiles:
    """Lends files. A file that was used already has its memory: to write into that costs a seventh of fresh memory."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._is_closed = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def holding(self, body: bytes | pa.Buffer) -> Iterator[str]:
        """A path under which the engine can read ``body``, for the length of the block."""
        with self._lock:
            descriptor = self._free.pop() if self._free else os.memfd_create("wellkept-body")
        try:
            view, at = memoryview(body), 0
            while at < len(view):
                at += os.pwrite(descriptor, view[at:], at)
            os.ftruncate(descriptor, len(view))
            yield f"/proc/self/fd/{descriptor}"
        finally:
            self._take_back(descriptor)

    def close(self) -> None:
        """Let go of the memory."""
        with self._lock:
            self._is_closed = True
            free, self._free = self._free, []
        for descriptor in free:
            os.close(descriptor)

    def _take_back(self, descriptor: int) -> None:
        with self._lock:
            if not self._is_closed and len(self._free) < KEPT and os.fstat(descriptor).st_size <= KEPT_BYTES:
                self._free.append(descriptor)
                return
        os.close(descriptor)
