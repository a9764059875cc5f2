"""A pool of engine connections: each runs one statement at a time, so each is lent to one thread at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from wellkept.kernel.errors import ClosedError


class Pool:
    """Lends connections; who comes when all are out waits for one."""

    def __init__(self) -> None:
        self._free: list[Any] = []
        self._count = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def add(self, connection: Any) -> None:
        with self._changed:
            self._free.append(connection)
            self._count += 1

    @contextlib.contextmanager
    def lend(self) -> Iterator[Any]:
        """A connection for the length of the block.

        Raises:
            ClosedError: the pool is closed, or was closed while this waited.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._is_closed)
            if self._is_closed:
                raise ClosedError("telemetry engine: is closed")
            connection = self._free.pop()
        try:
            yield connection
        finally:
            with self._changed:
                self._free.append(connection)
                self._changed.notify_all()

    def close(self) -> None:
        """Lend nothing more, wait for what is out, and close every connection."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._free) == self._count)
            for connection in self._free:
                connection.close()
            self._free.clear()
            self._count = 0
