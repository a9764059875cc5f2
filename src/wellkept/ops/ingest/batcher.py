"""Group commit: requests that come close together are stored together, and each is answered only when it is stored."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from wellkept.kernel.errors import InputError, OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.base import IngestSettings

_log = logging.getLogger(__name__)

_Item = tuple[bytes, "Future[None]"]


class Batcher:
    """One queue and one writer thread.

    While the writer is busy with one group the next one gathers, so that groups grow with the load by themselves.
    A body that cannot be stored is refused alone: when a group fails, its bodies are tried one by one.
    """

    def __init__(self, name: str, write: Callable[[Sequence[bytes]], None], settings: IngestSettings) -> None:
        self._name, self._write, self._settings = name, write, settings
        self._waiting: deque[_Item] = deque()
        self._waiting_bytes = 0
        self._bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"ingest-{name}", daemon=True)
        self._thread.start()

    def submit(self, body: bytes) -> Future[None]:
        """Put a body in the queue; the future is done when the body is stored, or holds why it was not.

        Raises:
            OverloadError: the queue is full, or the door is closing.
        """
        with self._changed:
            if self._is_closed:
                raise OverloadError(f"ingest of {self._name}: the server is stopping", retry_after_s=2)
            if self._bytes and self._bytes + len(body) > self._settings.queue_bytes:
                raise OverloadError(
                    f"ingest of {self._name}: {self._bytes} bytes wait, at most {self._settings.queue_bytes} may"
                )
            future: Future[None] = Future()
            self._waiting.append((body, future))
            self._bytes += len(body)
            self._waiting_bytes += len(body)
            self._changed.notify_all()
        return future

    def close(self) -> None:
        """Take nothing more, and return when what was taken is stored."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._store(group)
            with self._changed:
                self._bytes -= sum(len(body) for body, _ in group)

    def _next_group(self) -> list[_Item]:
        """The next bodies to store; an empty list when the door is closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(self._is_full, timeout=self._settings.group_s)
            group: list[_Item] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0][0]) <= self._settings.group_bytes):
                group.append(self._waiting.popleft())
                size += len(group[-1][0])
            self._waiting_bytes -= size
            return group

    def _is_full(self) -> bool:
        return self._is_closed or self._waiting_bytes >= self._settings.group_bytes

    def _store(self, group: list[_Item]) -> None:
        error = self._try([body for body, _ in group])
        if error is None or len(group) == 1 or isinstance(error, OverloadError):
            for _, future in group:
                _settle(future, error)
            return
        _log.info("a group of %d %s requests failed (%s); trying one by one", len(group), self._name, error)
        for body, future in group:
            _settle(future, self._try([body]))

    def _try(self, bodies: Sequence[bytes]) -> WellkeptError | None:
        try:
            self._write(bodies)
        except (InputError, OverloadError, StoreError) as error:
            return error
        except Exception as error:  # noqa: BLE001 - the edge of the writer thread, which must outlive any surprise
            _log.exception("ingest of %s failed", self._name)
            return StoreError(f"ingest of {self._name}: {type(error).__name__}")
        return None


def _settle(future: Future[None], error: WellkeptError | None) -> None:
    if not future.set_running_or_notify_cancel():
        return  # the sender has gone away; whether its body was stored makes no difference to it
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
