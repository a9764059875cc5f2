"""A service's side of HTTP: JSON in, JSON out, one server span a request."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

Body = Mapping[str, Any]
Handler = Callable[[Body], Awaitable[Body]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SO_ATTACH_REUSEPORT_CBPF, RETURN_CONSTANT = 51, 0x06
"""Of Linux: a program that chooses among those that listen on one port, and its instruction that returns a number."""
QUIET = ("/health", "/admin")
"""Below these paths requests are not the service's business, and make no spans."""


class RefusedError(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class App:
    """A raw ASGI application: a table of ``METHOD /path`` to handlers."""

    def __init__(self, routes: Mapping[str, Handler], tracer: Tracer | None) -> None:
        self._routes, self._tracer = {"GET /health": _healthy, **routes}, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = f"{scope['method']} {scope['path']}"
        if self._tracer is None or scope["path"].startswith(QUIET):
            await _answer(send, *await self._handled(route, receive, None))
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(route, extract(headers), SpanKind.SERVER) as span:
            status, body = await self._handled(route, receive, span)
            span.set_attribute("http.response.status_code", status)
            await _answer(send, status, body)

    async def _handled(self, route: str, receive: Receive, span: Span | None) -> tuple[int, Body]:
        handler = self._routes.get(route)
        if handler is None:
            return 404, {"error": f"{route} is not known"}
        try:
            return 200, await handler(await _read(receive))
        except RefusedError as refused:
            if span is not None and refused.status >= 500:
                span.set_status(Status(StatusCode.ERROR, str(refused)))
            return refused.status, {"error": str(refused)}


def serve(app: App, port: int, pid_file: Path, beside: Callable[[], Awaitable[None]] | None = None) -> None:
    """Answer until told to stop (SIGTERM), and do what is to be done ``beside``.

    The port is shared, so that a successor can listen before this one ends.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=2, timeout_keep_alive=60
    )
    _Server(config, pid_file, beside).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Writes the pid file when it listens, not before."""

    def __init__(self, config: uvicorn.Config, pid_file: Path, beside: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._pid_file, self._beside = pid_file, beside
        self._task: asyncio.Future[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            _take_over(listener)
        if self._beside is not None:
            self._task = asyncio.ensure_future(self._beside())
        partial = self._pid_file.with_suffix(".partial")
        partial.write_text(str(os.getpid()), encoding="ascii")
        partial.replace(self._pid_file)


def _take_over(listener: socket.socket) -> None:
    """Have new connections come to the second of those that listen, which is this one where there is another.

    Else some would wait at the predecessor when it closes, and be reset. Where there is no second the system's own
    choice holds; where it knows no such choice (it is Linux's), nothing is changed.
    """
    second = struct.pack("HBBI", RETURN_CONSTANT, 0, 0, 1)
    program = ctypes.create_string_buffer(second, len(second))
    with contextlib.suppress(OSError):
        option = struct.pack("HP", 1, ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, option)


async def _healthy(_: Body) -> Body:
    return {"ok": True}


async def _read(receive: Receive) -> Body:
    data, more = b"", True
    while more:
        message = await receive()
        data += message.get("body", b"")
        more = message.get("more_body", False)
    if not data:
        return {}
    value: Body = orjson.loads(data)
    return value


async def _answer(send: Send, status: int, body: Body) -> None:
    data = orjson.dumps(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
