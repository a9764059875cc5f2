"""Group commit: requests that come close together are stored together, and each is answered only when it is stored."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from wellkept.kernel.errors import InputError, OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.base import IngestSettings, Room, anywhere
from wellkept.store.telemetry.receipt import Receipt

_log = logging.getLogger(__name__)

B = TypeVar("B", bound=Sized)
Write = Callable[[Sequence[B]], Sequence[Receipt]]
"""Stores bodies, all or an error; gives what became of each."""
BURST = 8
"""So many small groups may follow one another at once before they are paced."""
_AT_FAULT = 3
"""So many bodies in a row that fail alone, and it is the engine that is at fault."""


@dataclass(slots=True)
class Counts:
    """What became of the requests of one signal since the start."""

    stored: int = 0
    refused: int = 0
    failed: int = 0
    stored_bytes: int = 0

    def outcomes(self) -> dict[str, int]:
        """Stored, refused for what they hold, or failed for want of the store."""
        return {"stored": self.stored, "refused": self.refused, "failed": self.failed}


class Batcher(Generic[B]):
    """One queue and one writer thread.

    While the writer is busy with one group the next one gathers, so that groups grow with the load by themselves. When
    the senders of the last group are back, too, there is nobody else to wait for.
    A body that cannot be stored is refused alone: a group that fails is tried again in halves.
    """

    def __init__(self, name: str, write: Write[B], settings: IngestSettings, room: Room = anywhere) -> None:
        self._name, self._write, self._settings, self._room = name, write, settings, room
        self._waiting: deque[tuple[B, Future[Receipt]]] = deque()
        self._waiting_bytes = 0
        self._bytes = 0
        self._last_count = math.inf
        self._waiting_since = self._due = -math.inf
        self._is_closed = False
        self._is_writing = False
        self.counts = Counts()
        self._unstored_since, self._failed_at, self._why = math.inf, -math.inf, ""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"ingest-{name}", daemon=True)
        self._thread.start()

    def submit(self, body: B) -> Future[Receipt]:
        """Put a body in the queue; the future holds what became of the body, or why it is not stored.

        Raises:
            OverloadError: the queue is full, the disk has no room, or the door is closing.
        """
        self._room()
        with self._changed:
            if self._is_closed:
                raise OverloadError(f"ingest of {self._name}: the server is stopping", retry_after_s=2)
            if self._bytes and self._bytes + len(body) > self._settings.queue_bytes:
                raise OverloadError(
                    f"ingest of {self._name}: {self._bytes} bytes wait, at most {self._settings.queue_bytes} may"
                )
            future: Future[Receipt] = Future()
            if not self._waiting:
                self._waiting_since = time.monotonic()
            self._waiting.append((body, future))
            self._bytes += len(body)
            self._waiting_bytes += len(body)
            self._changed.notify_all()
        return future

    def stalled(self, lately_s: float) -> tuple[float, str]:
        """For how many seconds nothing could be stored that came, and why; zero where it can be, or nothing comes.

        Args:
            lately_s: a failure that is longer ago than this says nothing of now.
        """
        now, since = time.monotonic(), self._unstored_since
        if since == math.inf or not (self._is_writing or now - self._failed_at < lately_s):
            return 0.0, ""
        return now - since, self._why

    def close(self) -> None:
        """Take nothing more, and return when what was taken is stored."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._store(group)

    def _next_group(self) -> list[tuple[B, Future[Receipt]]]:
        """The next bodies to store; an empty list when the door is closed and nothing is left."""
        settings = self._settings
        with self._changed:
            free, others = time.monotonic(), len(self._waiting)
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            since = max(free, self._waiting_since)
            self._gather(since + settings.group_s, settings.group_bytes, self._last_count + others)
            self._gather(self._due - BURST * settings.pace_s, settings.small_bytes)
            now = self._waiting_since = time.monotonic()
            if self._waiting_bytes < settings.small_bytes:
                self._due = max(self._due, now) + settings.pace_s
            group: list[tuple[B, Future[Receipt]]] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0][0]) <= settings.group_bytes):
                group.append(self._waiting.popleft())
                size += len(group[-1][0])
            self._waiting_bytes -= size
            self._last_count = len(group)
            return group

    def _gather(self, until: float, enough: int, count: float = math.inf) -> None:
        """Wait until then, or until so many bytes or bodies wait, or the door closes."""
        self._changed.wait_for(
            lambda: self._is_closed or self._waiting_bytes >= enough or len(self._waiting) >= count,
            timeout=max(0.0, until - time.monotonic()),
        )

    def _store(self, group: list[tuple[B, Future[Receipt]]]) -> None:
        parts, alone = [group], 0
        while parts:
            part = parts.pop()
            found = self._noted([body for body, _ in part])
            error = found if isinstance(found, WellkeptError) else None
            if error is None:
                alone = 0
            elif len(part) > 1 and alone < _AT_FAULT and not isinstance(error, OverloadError):
                _log.info("a group of %d %s requests failed (%s); trying halves", len(part), self._name, error)
                half = len(part) // 2
                parts += [part[half:], part[:half]]
                continue
            elif isinstance(error, StoreError):
                alone += 1
            with self._changed:
                self._bytes -= sum(len(body) for body, _ in part)
            results: Sequence[Receipt | WellkeptError] = (
                [found] * len(part) if isinstance(found, WellkeptError) else found
            )
            for (body, future), result in zip(part, results, strict=True):
                self._count(body, result)
                _settle(future, result)

    def _count(self, body: B, result: Receipt | WellkeptError) -> None:
        counts = self.counts
        if isinstance(result, InputError):
            counts.refused += 1
        elif isinstance(result, WellkeptError):
            counts.failed += 1
        else:
            counts.stored += 1
            counts.stored_bytes += len(body)

    def _noted(self, bodies: Sequence[B]) -> Sequence[Receipt] | WellkeptError:
        """The same as :meth:`_try`; how that goes is what :meth:`stalled` tells."""
        self._unstored_since = min(self._unstored_since, time.monotonic())
        self._is_writing = True
        found = self._try(bodies)
        if isinstance(found, StoreError | OverloadError):
            self._failed_at, self._why = time.monotonic(), str(found)
        else:
            self._unstored_since, self._why = math.inf, ""
        self._is_writing = False
        return found

    def _try(self, bodies: Sequence[B]) -> Sequence[Receipt] | WellkeptError:
        try:
            return self._write(bodies)
        except (InputError, OverloadError, StoreError) as error:
            return error
        except Exception as error:  # noqa: BLE001 - the edge of the writer thread, which must outlive any surprise
            _log.exception("ingest of %s failed", self._name)
            return StoreError(f"ingest of {self._name}: {type(error).__name__}")


def _settle(future: Future[Receipt], result: Receipt | WellkeptError) -> None:
    if not future.set_running_or_notify_cancel():
        return  # the sender has gone away; whether its body was stored makes no difference to it
    if isinstance(result, WellkeptError):
        future.set_exception(result)
    else:
        future.set_result(result)
