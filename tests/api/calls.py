"""Requests to a few routes without a server: the door's whole answer, and nothing else around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from wellkept.api.auth import Authentication

RECORDED = Path(__file__).parent / "recorded"
"""Bodies as real senders sent them, byte for byte."""
TOKEN = "the-token-of-this-test-32-chars-x"


def recorded(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


class Doors:
    """Routes behind the authentication of the real application."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.app = Authentication(Starlette(routes=list(routes)), TOKEN, lambda session, token: False)

    def call(
        self, method: str, path: str, body: bytes = b"", token: str | None = TOKEN, **headers: str
    ) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given.setdefault("authorization", f"Bearer {token}")
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, path, content=body, headers=pairs)

        return asyncio.run(ask())

    def post(self, path: str, body: bytes, token: str | None = TOKEN, **headers: str) -> httpx.Response:
        return self.call("POST", path, body, token, **headers)
