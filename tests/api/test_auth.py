"""Who may call what: every route of the real application, without the token, with it, and with a browser's session."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator, Sequence

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Scope

from wellkept.api.auth import (
    OPEN,
    OPEN_BELOW,
    OWN_PROOF,
    OWN_PROOF_BELOW,
    PROGRAMS,
    SENDERS,
    Authentication,
    has_own_proof,
)
from wellkept.app.platform import Platform
from wellkept.app.server import build_app
from wellkept.app.settings import Settings
from wellkept.web import session

TOKEN = "the-token-of-this-test"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    platform = Platform(Settings(data=tmp_path_factory.mktemp("auth")))
    try:
        yield build_app(platform, TOKEN)
    finally:
        platform.close()


def doors(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of an application; a kind of route that this does not know fails the test."""

    def walk(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str]]:
        for route in routes:
            included = getattr(route, "original_router", None)
            if included is not None:
                yield from walk(included.routes)
            else:
                assert isinstance(route, Route), route
                for method in route.methods or ():
                    yield method, re.sub(r"{\w+}", "x", route.path)

    return sorted(walk(app.routes))


def call(app: FastAPI, method: str, path: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:
            return await http.request(method, path, headers=given)

    return asyncio.run(ask())


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


def test_every_door_but_the_open_ones_is_shut_to_strangers(app: FastAPI) -> None:
    found = doors(app)

    refused = {(method, path): call(app, method, path).status_code for method, path in found if not is_open(path)}

    assert len(found) > 40
    assert set(refused.values()) == {401}, {door for door, status in refused.items() if status != 401}


def test_the_open_doors_are_health_signing_in_and_the_pages_own_files(app: FastAPI) -> None:
    shown = {path for _, path in doors(app) if is_open(path)}

    assert shown == {"/healthz", "/readyz", "/login", "/static/x"}
    for method, path in doors(app):
        if is_open(path):
            assert call(app, method, path).status_code != 401, path


def test_every_door_opens_with_the_token(app: FastAPI) -> None:
    for method, path in doors(app):
        if not OWN_PROOF_BELOW.fullmatch(path):
            assert call(app, method, path, Authorization=f"Bearer {TOKEN}").status_code not in (401, 500), path


def test_the_token_is_no_substitute_for_a_signature(app: FastAPI) -> None:
    assert call(app, "POST", "/api/v1/hooks/x", Authorization=f"Bearer {TOKEN}").status_code == 401


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Bearer \xe9"],
)
def test_what_is_not_the_token_does_not_open(authorization: str, app: FastAPI) -> None:
    assert call(app, "GET", "/api/v1/status", Authorization=authorization).status_code == 401


def test_a_door_with_its_own_proof_is_shut_without_it(app: FastAPI) -> None:
    assert {path for _, path in doors(app)} >= OWN_PROOF
    for path in OWN_PROOF:
        assert call(app, "POST", path).status_code == 401, path


def test_senders_may_give_the_token_as_a_password_and_nobody_else_may(app: FastAPI) -> None:
    def basic(password: str) -> str:
        return f"Basic {base64.b64encode(f'user:{password}'.encode()).decode()}"

    for method, path in doors(app):
        if is_open(path) or has_own_proof(path):
            continue
        right, empty, wrong = (
            call(app, method, path, Authorization=basic(given)).status_code for given in (TOKEN, "", "wrong")
        )
        assert (right != 401) == path.startswith(SENDERS), path
        assert (empty, wrong) == (401, 401), path


def test_a_refusal_says_what_is_missing(app: FastAPI) -> None:
    answer = call(app, "GET", "/api/v1/plans")

    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["type"] == "ForbiddenError"
    assert "Authorization: Bearer" in answer.json()["error"]["message"]


def test_a_browser_without_a_session_is_sent_to_sign_in(app: FastAPI) -> None:
    answer = call(app, "GET", "/incidents", Accept="text/html")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize(
    "query", ["xtoken=1", "token", "token=", "token=wrong", "a=token=1", "%74oken=wrong", "token%3D1"]
)
def test_no_address_of_the_first_page_shows_anything_to_a_stranger(query: str, app: FastAPI) -> None:
    answer = call(app, "GET", f"/?{query}")

    assert answer.status_code in (401, 303)
    assert answer.headers.get("location", "/login") == "/login"
    assert "set-cookie" not in answer.headers


def test_the_first_visit_leaves_a_session_that_is_not_the_token(app: FastAPI) -> None:
    answer = call(app, "GET", f"/?token={TOKEN}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert TOKEN not in answer.headers["set-cookie"]
    assert "httponly" in answer.headers["set-cookie"].lower()


def test_a_session_reads_pages_and_interface_but_writes_to_neither(app: FastAPI) -> None:
    cookie = f"{session.COOKIE}={session.session_value(TOKEN)}"
    statuses = {(method, path): call(app, method, path, Cookie=cookie).status_code for method, path in doors(app)}

    for (method, path), status in statuses.items():
        if method in ("GET", "HEAD"):
            assert status != 401, path
        elif path.startswith(PROGRAMS):
            assert status == 401, path
        elif not is_open(path):
            assert status == 403, f"{path}: a form without its proof"


def test_the_token_itself_is_no_session(app: FastAPI) -> None:
    assert call(app, "GET", "/approvals", Cookie=f"{session.COOKIE}={TOKEN}").status_code == 401


def test_a_websocket_is_closed_at_once() -> None:
    sent: list[Message] = []

    async def nobody(*_: object) -> None:
        raise AssertionError("the application was reached")

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(Authentication(nobody, TOKEN, session.is_valid)(scope, receive, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_framework_asks_nobody_whether_to_send_its_own_telemetry(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: asked.append("tracer"))

    assert call(app, "GET", "/healthz").status_code == 200
    assert asked == []
