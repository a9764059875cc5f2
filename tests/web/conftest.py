"""The pages on a real store, behind the real authentication, served over HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from tests.web import scene as scenes
from tests.web.furniture import furnish
from tests.web.scene import TOKEN, Scene

from wellkept.api.auth import Authentication
from wellkept.kernel.clock import SettableClock
from wellkept.web import pages, session

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


@contextlib.contextmanager
def served(scene: Scene) -> Iterator[str]:
    """The address of a server that shows the scene as the platform does."""
    app = Starlette(routes=pages.routes(scene.deps))
    app.add_middleware(Authentication, token=TOKEN, is_session=session.is_valid)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextlib.contextmanager
def browsing(address: str, *, signed_in: bool = True) -> Iterator[httpx.Client]:
    """A browser that does not follow redirects, after its first visit or before."""
    with httpx.Client(base_url=address, timeout=30) as client:
        if signed_in:
            assert client.get("/", params={"token": TOKEN}).status_code == 303
            assert session.COOKIE in client.cookies
        yield client


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = scenes.empty(tmp_path_factory.mktemp("scene"), NOW)
    try:
        furnish(made)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def address(scene: Scene) -> Iterator[str]:
    with served(scene) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with browsing(address) as found:
        yield found


@pytest.fixture
def stranger(address: str) -> Iterator[httpx.Client]:
    with browsing(address, signed_in=False) as found:
        yield found


def pass_by(scene: Scene) -> None:
    """Two seconds go by: pages are kept for one."""
    clock = scene.deps.clock
    assert isinstance(clock, SettableClock)
    clock.advance(timedelta(seconds=2))


@pytest.fixture
def later(scene: Scene) -> None:
    """The test comes when no page of the one before is kept any more."""
    pass_by(scene)
