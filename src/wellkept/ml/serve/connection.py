"""One HTTP connection: uvicorn's, with a short way for small inference requests and an end for those that dawdle.

An ASGI call costs a task, a scope and two messages, several times what it takes to score a row. A small POST is
therefore offered to the doors first, whole; what they cannot answer at once goes the usual way. A client sends the same
head with each request of a connection, but for the length of the body: one that was parsed once is known again.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from wellkept.ml.serve.server import CLOSING

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from wellkept.ml.serve.server import Doors, Reply

SMALL_BYTES = 128 << 10
PATIENCE_S = 30.0
"""How long a request may take to come in, from its first byte to its last."""
IDLE_S = 65.0
"""How long a connection is kept that asks nothing: longer than the usual proxies keep theirs."""
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request that was parsed: what it said, and its bytes before and after the length of the body."""

    url: str
    headers: dict[bytes, bytes]
    before: bytes
    after: bytes

    def body_of(self, data: bytes) -> bytes | None:
        """The body where ``data`` is one whole request with this head, whatever its length; else None."""
        if not data.startswith(self.before):
            return None
        start = len(self.before)
        end = data.find(b"\r", start, start + 8)
        length = data[start:end]
        if end < 0 or not length.isdigit() or not data.startswith(self.after, end):
            return None
        body = data[end + len(self.after) :]
        return body if len(body) == int(length) <= SMALL_BYTES else None


def _head(data: bytes, body: bytes, url: str, headers: dict[bytes, bytes]) -> Head | None:
    """The head of ``data``, where that is one whole request with this body and nothing else."""
    raw = data.removesuffix(body)
    lengths = list(_LENGTH.finditer(raw))
    if len(lengths) != 1 or raw.find(b"\r\n\r\n") != len(raw) - 4:
        return None
    start, end = lengths[0].span(1)
    return Head(url, headers, raw[:start], raw[end:])


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
        self._begun_with = b""
        self._head: Head | None = None
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

    def data_received(self, data: bytes) -> None:
        if self._head is not None and not self._is_coming and self._is_free():
            body = self._head.body_of(data)
            if body is not None and self._answered(self._head.url, self._head.headers, body):
                self._unset_keepalive_if_required()
                return
            self._head = None
        self._begun_with = b"" if self._is_coming else data
        super().data_received(data)

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
        if self.transport.is_closing():
            return
        url, headers = self.url.decode("latin-1"), dict(self.headers)
        if "%" not in url and self._answered(url, headers, body):
            self._head = _head(self._begun_with, body, url, headers)
            return
        super().on_headers_complete()
        super().on_body(body)
        super().on_message_complete()

    def _answered(self, url: str, headers: dict[bytes, bytes], body: bytes) -> bool:
        """Whether a request could be answered at once; it is, then."""
        reply = self._doors.at_once(url, headers, body)
        if reply is None:
            return False
        self.transport.write(self._written(reply))
        if CLOSING in reply.headers:
            self.transport.close()
        self.server_state.total_requests += 1
        self._moved_at = self.loop.time()
        return True

    def _is_free(self) -> bool:
        """Whether all that was asked before is answered, and the client reads its answers."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _is_small(self) -> bool:
        """Whether a request is a plain small POST, with nothing before it that is not answered yet."""
        if self.parser.get_method() != b"POST" or self.expect_100_continue or not self._is_free():
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
