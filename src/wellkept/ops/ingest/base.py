"""What ingest needs and promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.remote.packed import RemoteBody
from wellkept.store.telemetry.remote.writer import Version


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Limits of the doors.

    ``max_body_bytes`` counts after decompression. Requests that arrive within ``group_s`` seconds of one another, up
    to ``group_bytes``, are stored by one statement. A statement costs the engine tens of milliseconds and a file to
    merge later, however little it stores: so groups smaller than ``small_bytes``, after a burst, begin ``pace_s``
    apart. ``queue_bytes`` may wait or be under way for each signal; beyond it senders are told to come again. Logs and
    traces that are sent again within ``retry_window_s`` are not stored again; 0 stores everything that comes.
    """

    max_body_bytes: int = 20 << 20
    group_s: float = 0.05
    group_bytes: int = 16 << 20
    small_bytes: int = 128 << 10
    pace_s: float = 0.1
    queue_bytes: int = 256 << 20
    retry_window_s: float = 600.0


Room = Callable[[], None]
"""Raises OverloadError where the disk has no room for more."""


def anywhere() -> None:
    """Room without end: of a store that is on no disk of ours."""


class Sink(Protocol):
    """Where request bodies are stored."""

    def insert(self, signal: Signal, bodies: Sequence[bytes], received_ns: int) -> Sequence[Receipt]:
        """Store the bodies, all or an error; gives what became of each.

        Raises:
            InputError: a body cannot be decoded.
            OverloadError: not now, try again.
            StoreError: the engine failed.
        """
        ...


class RemoteSink(Protocol):
    """Where bodies of remote write requests are stored; as ``Sink``."""

    def insert(self, version: Version, bodies: Sequence[RemoteBody], received_ns: int) -> Sequence[Receipt]: ...


class RequestLog(Protocol):
    """What is known of requests that were stored before."""

    def stored_since(self, signal: str, since_ns: int, window_s: float, limit: int) -> dict[int, int]:
        """Those of a signal that are stored whole, oldest first, and when they came (nanoseconds)."""
        ...


class Store(Protocol):
    """The telemetry store as ingest sees it."""

    @property
    def otlp(self) -> Sink: ...

    @property
    def remote(self) -> RemoteSink: ...
