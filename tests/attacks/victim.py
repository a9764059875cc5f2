"""A platform to attack, asked without a server in between."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from wellkept.app.platform import Platform
from wellkept.app.server import build_app
from wellkept.app.settings import Settings
from wellkept.web import session

TOKEN = "the-token-of-this-test-32-chars-x"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RECEIVE = [
    {"name": "ours", "secret_env": "OURS", "actions": ["change", "train"], "models": ["fraud"]},
    {"name": "github", "scheme": "github", "secret_env": "OTHER", "actions": ["change"],
     "entity": "service:shop/checkout", "events": {"deployment_status": "change"}},
    {"name": "gitlab", "scheme": "gitlab", "secret_env": "OTHER", "actions": ["change"],
     "entity": "service:shop/checkout", "events": {"Pipeline Hook": "change"}},
    {"name": "broken", "secret_env": "MISSING", "actions": ["change"]},
]  # fmt: skip
SEND = [{"name": "out", "url": "https://x.example/", "secret_env": "OURS"}]


@dataclass
class Victim:
    """The platform and its application."""

    platform: Platform
    app: FastAPI

    def ask(self, method: str, path: str, token: str | None = None, **arguments: Any) -> httpx.Response:
        """One request; ``token`` None is a stranger's."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **arguments.pop("headers", {})}

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, path, headers=headers, **arguments)

        return asyncio.run(call())

    def raw(self, path: bytes, token: str | None = None, method: str = "GET") -> int:
        """The status of a request whose path no client would send like this."""
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        return asyncio.run(status_of(self.app, method, path, headers))

    @property
    def cookie(self) -> dict[str, str]:
        """What a browser sends that has signed in."""
        return {"Cookie": f"{session.COOKIE}={session.session_value(TOKEN)}", "Accept": "text/html"}

    def doors(self) -> list[tuple[str, str]]:
        """Every method and path, parameters as ``x``."""
        return sorted(_walk(self.app.routes))


@contextlib.contextmanager
def victim(folder: Path, **settings: Any) -> Iterator[Victim]:
    platform = Platform(Settings.model_validate({"data": folder, **settings}))
    try:
        yield Victim(platform, build_app(platform, TOKEN))
    finally:
        platform.close()


async def status_of(app: Any, method: str, path: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> int:
    """The status that an application answers, its path exactly as given."""
    from urllib.parse import unquote

    given = path.decode("latin-1").partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(given[0]),
        "raw_path": path,
        "query_string": given[2].encode("latin-1"),
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }
    found = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal found
        found = message.get("status", found)

    await app(scope, receive, send)
    return found


def _walk(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _walk(included.routes)
        else:
            assert isinstance(route, Route), route
            for method in route.methods or ():
                yield method, re.sub(r"{\w+(:\w+)?}", "x", route.path)
