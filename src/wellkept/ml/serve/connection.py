"""One HTTP connection: uvicorn's, with a short way for small inference requests and an end for those that dawdle.

An ASGI call costs a task, a scope and two messages, several times what it takes to score a row. A small POST is
therefore offered to the doors first, whole; what they cannot answer at once goes the usual way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from wellkept.ml.serve.server import Doors, Reply

SMALL_BYTES = 128 << 10
PATIENCE_S = 30.0
"""How long a request may take to come in, from its first byte to its last."""
IDLE_S = 65.0
"""How long a connection is kept that asks nothing: longer than the usual proxies keep theirs."""


class Connection(HttpToolsProtocol):
    """A connection of a client. ``doors`` answer small requests at once."""

    def __init__(
        self,
        doors: Doors,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._doors = doors
        self._body: bytearray | None = None
        self._moved_at, self._is_coming = 0.0, False
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._moved_at, self._is_coming = self.loop.time(), True
        self._watch = self.loop.call_later(PATIENCE_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._moved_at, self._is_coming = self.loop.time(), True

    def on_headers_complete(self) -> None:
        if self._is_small():
            self._body = bytearray()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._body is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        self._is_coming = False
        if self._body is None:
            super().on_message_complete()
            return
        body, self._body = bytes(self._body), None
        url = self.url.decode("latin-1")
        reply = self._doors.at_once(url, dict(self.headers), body) if "%" not in url else None
        if reply is not None:
            self.transport.write(self._written(reply))
            self.server_state.total_requests += 1
            self._moved_at = self.loop.time()
            return
        super().on_headers_complete()
        super().on_body(body)
        super().on_message_complete()

    def _is_small(self) -> bool:
        """Whether a request is a plain small POST, with nothing before it that is not answered yet."""
        if self.parser.get_method() != b"POST" or self.expect_100_continue or self.flow.write_paused:
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        if self.parser.get_http_version() != "1.1" or not self.parser.should_keep_alive():
            return False
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        return length.isdigit() and int(length) <= SMALL_BYTES and not self.parser.should_upgrade()

    def _written(self, reply: Reply) -> bytes:
        headers = (
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(reply.body)),
            *reply.headers,
        )
        parts = [STATUS_LINE[reply.status]]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        return b"".join((*parts, b"\r\n", reply.body))

    def _look(self) -> None:
        """End a connection whose request does not come to its end, or that asks nothing any more."""
        patience_s = PATIENCE_S if self._is_coming else IDLE_S
        is_busy = not self._is_coming and self.cycle is not None and not self.cycle.response_complete
        left_s = self._moved_at + patience_s - self.loop.time()
        if left_s > 0 or is_busy:
            self._watch = self.loop.call_later(max(left_s, 1.0), self._look)
        elif not self.transport.is_closing():
            self.transport.close()
