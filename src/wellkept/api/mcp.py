"""``POST /mcp``: the door for assistants that speak the Model Context Protocol over HTTP.

Each request is answered by itself: there are no sessions, and nothing is sent without being asked for. What speaks the
protocol takes most of a second to load, and is loaded when somebody asks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/mcp"


class Assistants:
    """The door. It asks the application itself, as any other client does, with the same token and the same limits."""

    def __init__(self, app: FastAPI, token: str) -> None:
        self._app, self._headers = app, {"Authorization": f"Bearer {token}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        manager = await run_in_threadpool(self._manager)
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    def _manager(self) -> StreamableHTTPSessionManager:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        return StreamableHTTPSessionManager(self._server, json_response=True, stateless=True)

    @functools.cached_property
    def _server(self) -> Server[dict[str, Any]]:
        from wellkept.sdk.tools import server_of

        return server_of(self._app.openapi(), self._ask)

    async def _ask(self, path: str, parameters: Mapping[str, Any]) -> tuple[int, str]:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://wellkept", headers=self._headers) as client:
            answer = await client.get(path, params=dict(parameters))
        return answer.status_code, answer.text


def routes(app: FastAPI, token: str) -> list[Route]:
    """The route."""
    door: ASGIApp = Assistants(app, token)
    return [Route(PATH, door, methods=["POST"])]
