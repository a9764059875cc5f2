"""How long a body may be where its door does not say so itself: a framework reads JSON whole before anybody looks."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellkept.api.errors import refused
from wellkept.kernel.errors import TooLargeError

BELOW = "/api/v1/"
OWN_LIMIT = ("/api/v1/external/", "/api/v1/hooks/", "/api/v1/write")
"""Doors below it that have a limit of their own."""
MOST_BYTES = 16 << 20


class BodyLimit:
    """ASGI middleware: a body that is over the limit, or says that it is, is answered with 413 and not read on."""

    def __init__(self, app: ASGIApp, limit: int = MOST_BYTES) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(BELOW) or path.startswith(OWN_LIMIT):
            return await self._app(scope, receive, send)
        told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if told.isdigit() and int(told) > self._limit:
            return await self._refuse(scope, receive, send)
        counted = _Counted(receive, send, self._limit)
        try:
            await self._app(scope, counted.receive, counted.send)
        finally:
            if counted.is_over:
                await self._refuse(scope, receive, send)
        return None

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLargeError("body", f"must be at most {self._limit} bytes")
        await refused(error)(scope, receive, send)


class _Counted:
    """A request whose bytes are counted. Past the limit the caller is gone, as far as the application knows."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._left, self._began = receive, send, limit, False
        self._is_past = False

    @property
    def is_over(self) -> bool:
        """Whether the body was too long and nothing has been answered yet."""
        return self._is_past and not self._began

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self._is_past = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self._is_past:
            return  # what is made of half a body is no answer
        self._began = True
        await self._send(message)
