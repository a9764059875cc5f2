"""The sockets of the syslog server: how they are opened, and what a TCP connection does with what arrives."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast

from wellkept.kernel.errors import ConflictError
from wellkept.ops.ingest.syslog.framing import Framer

SO_RXQ_OVFL, _SO_RCVBUFFORCE = 40, 33
"""Options of Linux that Python does not name: count what was dropped, and a buffer beyond the system's limit."""
_SOCKET_BYTES, _BACKLOG = 8 << 20, 128


class Taker(Protocol):
    """The server as a connection sees it."""

    def take(self, raw: bytes, peer: str) -> None: ...

    def connected(self, connection: Connection) -> None: ...

    def gone(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, server: Taker, framer: Framer) -> None:
        self._server, self._framer = server, framer
        self._transport: asyncio.Transport | None = None
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._server.connected(self)

    def data_received(self, data: bytes) -> None:
        for raw in self._framer.feed(data):
            self._server.take(raw, self._peer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self._finish()
        self._server.gone(self)

    def pause(self) -> None:
        self._each(lambda transport: transport.pause_reading())

    def resume(self) -> None:
        self._each(lambda transport: transport.resume_reading())

    def end(self) -> None:
        """Close it. What has been sent and not read is the sender's, which sees that nobody listens any more."""
        self._finish()
        self._each(lambda transport: transport.abort())

    def _finish(self) -> None:
        for raw in self._framer.end():
            self._server.take(raw, self._peer)

    def _each(self, do: Callable[[asyncio.Transport], None]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            do(self._transport)


def bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        made.setblocking(False)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            _enlarge(made)
            made.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        made.bind((host, port))
        if kind == socket.SOCK_STREAM:
            made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise ConflictError(f"syslog address {host}:{port}", f"cannot be used: {error.strerror}") from error
    return made


def _enlarge(made: socket.socket) -> None:
    """Give the socket a large buffer; one beyond the system's limit if we may."""
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _SOCKET_BYTES)
    except OSError:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
