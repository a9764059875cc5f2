"""The runner of ingest: one group-committing writer for each signal."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from wellkept.kernel.clock import Clock, to_nanos
from wellkept.kernel.errors import TooLargeError
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.ingest.base import IngestSettings, RequestLog, Room, Store, anywhere
from wellkept.ops.ingest.batcher import Batcher, Counts, Write
from wellkept.ops.ingest.retries import REMEMBERED, Retries
from wellkept.store.telemetry.otlp.framing import check
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import ALL, Receipt
from wellkept.store.telemetry.remote.packed import RemoteBody
from wellkept.store.telemetry.remote.writer import Version, check_version
from wellkept.store.telemetry.requests import identity

STAGE = Stage(
    name="ops.ingest",
    consumes=frozenset({Message.OUTSIDE}),
    emits=frozenset(
        {Message.TELEMETRY, Message.ENTITY, Message.PREDICTION, Message.LABEL, Message.FINDING, Message.CHANGE}
    ),
    purpose="Takes in what senders speak already, has the engine decode it in bulk, acknowledges only what is stored.",
)

_GUARDED = (Signal.LOGS, Signal.TRACES)
"""Signals whose requests must not come twice; points of metrics are the same point by themselves."""


class Ingest:
    """Takes request bodies and stores them in groups. Everything may be called from several threads."""

    def __init__(
        self,
        telemetry: Store,
        clock: Clock,
        settings: IngestSettings | None = None,
        requests: RequestLog | None = None,
        room: Room = anywhere,
    ) -> None:
        """``requests`` tells what was stored before this began, for senders that try again across a restart. ``room``
        is asked for every request, before anything is done with it.
        """
        self.settings = settings or IngestSettings()
        self._telemetry, self._clock = telemetry, clock
        self._batchers = {signal: Batcher(str(signal), self._writer(signal), self.settings, room) for signal in Signal}
        self._remote = {
            version: Batcher(f"remote write {version}", self._remote_writer(version), self.settings, room)
            for version in Version
        }
        window = self.settings.retry_window_s
        self._retries = {signal: self._known(signal, window, requests) for signal in _GUARDED if window > 0}

    def submit(self, signal: Signal, body: bytes, *, is_ever_retried: bool = True) -> Future[Receipt]:
        """Check a protobuf body's framing and queue it; the future is done when it is stored.

        A body that was stored a short while ago is taken for the same one sent again, unless its sender never does
        that: then equal bodies are as many.

        Raises:
            InputError: the body is cut off or not of this signal.
            TooLargeError: the body is over the limit.
            OverloadError: the queue is full, or the disk has no room.
        """
        if len(body) > self.settings.max_body_bytes:
            limit = self.settings.max_body_bytes
            raise TooLargeError(f"OTLP {signal} request", f"must be at most {limit} bytes", len(body))
        check(signal, body)
        if not body:
            done: Future[Receipt] = Future()
            done.set_result(ALL)
            return done
        batcher, retries = self._batchers[signal], self._retries.get(signal)
        if retries is None or not is_ever_retried:
            return batcher.submit(body)
        return retries.submit(identity(body), lambda: batcher.submit(body))

    def submit_remote(self, version: Version, body: RemoteBody) -> Future[Receipt]:
        """Queue a remote write body, packed or not; the future is done when it is stored.

        Raises:
            InputError: the body is of another version or of no version at all.
            TooLargeError: the body is over the limit.
            OverloadError: the queue is full, or the disk has no room.
        """
        if len(body) > self.settings.max_body_bytes:
            limit = self.settings.max_body_bytes
            raise TooLargeError(f"remote write {version} request", f"must be at most {limit} bytes", len(body))
        check_version(version, body)
        return self._remote[version].submit(body)

    def duplicates(self) -> dict[str, int]:
        """How many requests were not stored because they were sent again, by signal."""
        return {str(signal): retries.duplicates for signal, retries in self._retries.items()}

    def counts(self) -> dict[str, Counts]:
        """What became of requests since the start, by signal."""
        told = {str(signal): batcher.counts for signal, batcher in self._batchers.items()}
        return told | {f"remote write {version}": batcher.counts for version, batcher in self._remote.items()}

    def stalled(self, lately_s: float) -> dict[str, tuple[float, str]]:
        """What cannot be stored although it comes, for how many seconds, and why; see :meth:`Batcher.stalled`."""
        told = {str(signal): batcher.stalled(lately_s) for signal, batcher in self._batchers.items()}
        told |= {f"remote write {version}": batcher.stalled(lately_s) for version, batcher in self._remote.items()}
        return {name: stalled for name, stalled in told.items() if stalled[0]}

    def close(self) -> None:
        """Store what was taken, and stop."""
        batchers: list[Batcher[bytes] | Batcher[RemoteBody]] = [*self._batchers.values(), *self._remote.values()]
        for batcher in batchers:
            batcher.close()

    def _known(self, signal: Signal, window_s: float, requests: RequestLog | None) -> Retries:
        def now() -> int:
            return to_nanos(self._clock.now())

        window_ns = round(window_s * 1e9)
        known = requests.stored_since(signal, now() - window_ns, window_s, REMEMBERED) if requests else {}
        return Retries(window_ns, now, known)

    def _remote_writer(self, version: Version) -> Write[RemoteBody]:
        def write(bodies: Sequence[RemoteBody]) -> Sequence[Receipt]:
            return self._telemetry.remote.insert(version, bodies, to_nanos(self._clock.now()))

        return write

    def _writer(self, signal: Signal) -> Write[bytes]:
        def write(bodies: Sequence[bytes]) -> Sequence[Receipt]:
            return self._telemetry.otlp.insert(signal, bodies, to_nanos(self._clock.now()))

        return write
