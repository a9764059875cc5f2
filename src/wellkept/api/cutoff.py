"""What a request is answered that the end of the server cuts off."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellkept.api.errors import refused
from wellkept.kernel.errors import ClosedError


class CutOff:
    """ASGI middleware, outside of all others. A request that still waits when the server's patience at its end is over
    is told to come again: what it brought may be stored or not, and senders do so after 503.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if began or scope["type"] != "http":
                raise
            error = ClosedError(f"{scope['method']} {scope['path']}: cut off, because the server ends; send it again")
            await refused(error)(scope, receive, send)
