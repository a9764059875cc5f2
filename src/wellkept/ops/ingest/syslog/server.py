"""The syslog server: two sockets, one thread, and a queue that is stored in groups.

Syslog acknowledges nothing, so what has arrived is kept until it is stored: an ingest that is full is asked again, and
meanwhile connections are not read any further. Datagrams that the system then throws away are counted by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import struct
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from wellkept.kernel.clock import Clock, to_nanos
from wellkept.kernel.errors import ConflictError, OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.syslog.framing import Framer
from wellkept.ops.ingest.syslog.lines import Line, LineReader
from wellkept.ops.ingest.syslog.sockets import SO_RXQ_OVFL, Connection, bound
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt

log = logging.getLogger(__name__)

_LOOK_S, _LOOKS, _GROUP_LINES = 0.05, 20, 4000
"""Nobody waits to hear that a line is stored, and a statement costs the engine as much for one as for a thousand: what
comes within twenty looks is a group."""
_SHORTEST_REST_S, _LAST_REST_S = 0.01, 0.1
_MOST_BYTES, _FEWER_BYTES = 64 << 20, 32 << 20
"""With so much waiting nothing more is read, until it is down to the second."""
_DATAGRAMS_AT_ONCE, _LONGEST_DATAGRAM = 500, 65_535
_OVERHEAD = 100
"""What a line that waits costs beside its bytes."""


class Sink(Protocol):
    """Ingest as this server sees it."""

    def submit(self, signal: Signal, body: bytes, *, is_ever_retried: bool = True) -> Future[Receipt]: ...


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """Where the server listens, and how long a message may be. Port 0 takes any free one, -1 is for none."""

    host: str = "127.0.0.1"
    udp_port: int = 5514
    tcp_port: int = 5514
    max_message_bytes: int = 64 << 10


@dataclass(slots=True)
class Counts:
    """What became of the lines."""

    received: int = 0
    stored: int = 0
    malformed: int = 0
    """Stored, but not as anything that could be read."""
    lost: int = 0
    """Refused by the store, or still waiting when the server had to end."""
    dropped_by_system: int = 0
    """Datagrams that did not fit into the socket's buffer."""


class SyslogServer:
    """Listens as soon as it is started, and has stored what it took when it is closed."""

    def __init__(self, settings: SyslogSettings, reader: LineReader, sink: Sink, clock: Clock) -> None:
        self.counts = Counts()
        self._settings, self._reader, self._sink, self._clock = settings, reader, sink, clock
        self._waiting: deque[Line] = deque()
        self._bytes = 0
        self._is_paused = False
        self._connections: set[Connection] = set()
        self._udp: socket.socket | None = None
        self._tcp: socket.socket | None = None
        self._ports: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._close_by = math.inf
        self._thread = threading.Thread(target=self._run, name="syslog", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            ConflictError: an address is in use, or is none of this machine.
        """
        wanted = self._settings
        if wanted.udp_port >= 0:
            self._udp = bound(socket.SOCK_DGRAM, wanted.host, wanted.udp_port)
        if wanted.tcp_port >= 0:
            try:
                self._tcp = bound(socket.SOCK_STREAM, wanted.host, wanted.tcp_port)
            except ConflictError:
                if self._udp is not None:
                    self._udp.close()
                raise
        sockets = {"udp_port": self._udp, "tcp_port": self._tcp}
        self._ports = {name: made.getsockname()[1] for name, made in sockets.items() if made is not None}
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """The ports and the counts."""
        return {
            **self._ports,
            **asdict(self.counts),
            "waiting": self.counts.received - self.counts.stored - self.counts.lost,
        }

    def close(self, patience_s: float = 5.0) -> None:
        """Read nothing more, and return when what was taken is stored; after ``patience_s`` the rest is lost."""
        if self._thread.is_alive() and self._loop is not None:
            self._close_by = time.monotonic() + patience_s
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def take(self, raw: bytes, peer: str) -> None:
        """One message from a connection or a datagram; on the server's thread."""
        self._waiting.append(Line(raw, to_nanos(self._clock.now()), peer))
        self._bytes += len(raw) + _OVERHEAD
        self.counts.received += 1
        if self._bytes > _MOST_BYTES and not self._is_paused:
            self._pause()

    def connected(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._is_paused:
            connection.pause()

    def gone(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None
        try:
            loop.run_until_complete(self._serve(loop))
        finally:
            loop.close()
            for listener in (self._udp, self._tcp):
                if listener is not None:
                    listener.close()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        server = None
        if self._tcp is not None:
            limit = self._settings.max_message_bytes
            server = await loop.create_server(lambda: Connection(self, Framer(limit)), sock=self._tcp)
        self._read_datagrams(is_on=True)
        while not self._closing.is_set():
            await self._gather()
            await self._store_all()
        self._datagrams()
        self._read_datagrams(is_on=False)
        if server is not None:
            server.close()
        for connection in tuple(self._connections):
            connection.end()
        await self._store_all()
        self.counts.lost += len(self._waiting)
        if self.counts.lost:
            log.error("syslog: %d lines were not stored", self.counts.lost)

    async def _gather(self) -> None:
        """Wait until a group is full, or has waited long enough, or the server has to end."""
        for _ in range(_LOOKS):
            await self._rest(_LOOK_S)
            if len(self._waiting) >= _GROUP_LINES or self._is_paused or self._closing.is_set():
                return

    async def _store_all(self) -> None:
        """Store what waits, group after group, in the order in which it came."""
        while self._waiting and not self._is_too_late():
            lines = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP_LINES))]
            records, malformed = self._reader.records(lines, lines[0].received_ns)
            is_stored = [await self._store(body) for body in records.bodies()]
            if all(is_stored):
                self.counts.stored += len(lines)
                self.counts.malformed += malformed
            else:
                self.counts.lost += len(lines)
            self._bytes -= sum(len(line.raw) + _OVERHEAD for line in lines)
            if self._is_paused and self._bytes < _FEWER_BYTES:
                self._resume()

    async def _store(self, body: bytes) -> bool:
        """Whether a body was stored; what may be tried again is, until the server has to end."""
        while True:
            try:
                # Nobody sends syslog again: the same line twice in a second is two lines.
                await asyncio.wrap_future(self._sink.submit(Signal.LOGS, body, is_ever_retried=False))
                return True
            except (OverloadError, StoreError) as error:
                log.warning("syslog: storing is put off: %s", error)
                wait = error.retry_after_s if isinstance(error, OverloadError) else 1
            except WellkeptError:
                log.exception("syslog: lines were refused by the store")
                return False
            if self._is_too_late():
                return False
            await self._rest(max(wait, _SHORTEST_REST_S))

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until the server has to end; in its last seconds not for long."""
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, _LAST_REST_S))
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    def _is_too_late(self) -> bool:
        return self._closing.is_set() and time.monotonic() > self._close_by

    def _pause(self) -> None:
        self._is_paused = True
        self._read_datagrams(is_on=False)
        for connection in self._connections:
            connection.pause()

    def _resume(self) -> None:
        self._is_paused = False
        self._read_datagrams(is_on=True)
        for connection in self._connections:
            connection.resume()

    def _read_datagrams(self, *, is_on: bool) -> None:
        if self._udp is not None and self._loop is not None:
            if is_on:
                self._loop.add_reader(self._udp, self._datagrams)
            else:
                self._loop.remove_reader(self._udp)

    def _datagrams(self) -> None:
        """Take the datagrams that have arrived; after some the rest of the work gets its turn."""
        if self._udp is None:
            return
        room = socket.CMSG_SPACE(4)
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                raw, told, _flags, peer = self._udp.recvmsg(_LONGEST_DATAGRAM, room)
            except BlockingIOError:
                return
            except OSError:
                log.exception("syslog: a datagram could not be read")
                return
            for level, kind, data in told:
                if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                    (self.counts.dropped_by_system,) = struct.unpack("=I", data)
            self.take(raw, str(peer[0]))
