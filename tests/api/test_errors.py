"""Errors at the edge: every one has a status, and a body that names the thing, the rule and the value."""

from __future__ import annotations

import asyncio
import inspect
import json
import math
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from wellkept.api.errors import LONGEST_VALUE, STATUS, body_of, install, refused, status_of
from wellkept.kernel import errors
from wellkept.kernel.errors import (
    ActionError,
    ClosedError,
    ConflictError,
    DocumentError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OverloadError,
    Problem,
    StoreError,
    TooLargeError,
    TrainingError,
    WellkeptError,
)
from wellkept.store.telemetry.failures import BodyError

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, WellkeptError)]
STATUSES = [
    (InputError("a", "b"), 422),
    (DocumentError("a.yaml", ()), 422),
    (NotFoundError("a", "b"), 404),
    (ConflictError("a", "b"), 409),
    (TooLargeError("a", "b"), 413),
    (ForbiddenError("a"), 403),
    (OverloadError("a"), 503),
    (StoreError("a"), 503),
    (ClosedError("a"), 503),
    (ActionError("a", retry_helps=False), 502),
    (TrainingError("a"), 502),
    (WellkeptError("a"), 500),
]


class Order(BaseModel):
    """What the route below takes."""

    count: int
    note: str = ""


@pytest.fixture
def app() -> FastAPI:
    made = FastAPI()
    install(made)

    @made.get("/fails/{index}")
    def fails(index: int) -> None:
        raise STATUSES[index][0]

    @made.post("/orders")
    def orders(order: Order, when: int = 0) -> Order:
        return order

    return made


def ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **options)

    return asyncio.run(call())


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_status_of_its_own(kind: type[WellkeptError]) -> None:
    assert kind in STATUS


def test_the_map_holds_nothing_else() -> None:
    assert set(STATUS) == set(TREE)
    assert {type(error) for error, _ in STATUSES} == set(TREE)


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
def test_each_is_answered_with_its_status(app: FastAPI, error: WellkeptError, status: int) -> None:
    index = [type(one) for one, _ in STATUSES].index(type(error))
    answer = ask(app, "GET", f"/fails/{index}")
    assert answer.status_code == status_of(error) == status
    assert answer.json()["error"]["type"] == type(error).__name__
    assert ("retry-after" in answer.headers) == (status == 503)


def test_an_error_of_a_stage_has_its_parents_status() -> None:
    assert status_of(BodyError("cannot be decoded")) == 503


def test_an_overload_says_how_long_to_wait() -> None:
    assert refused(OverloadError("full", 9)).headers["retry-after"] == "9"


def test_bad_input_is_taken_apart() -> None:
    body = body_of(InputError("server.port", "must be at most 65535", 70000))["error"]
    assert body == {
        "type": "InputError",
        "message": "server.port: must be at most 65535, got 70000",
        "thing": "server.port",
        "rule": "must be at most 65535",
        "value": 70000,
    }


def test_a_document_lists_its_problems() -> None:
    problem = Problem(3, "port", "must be a number", {1, 2})
    body = body_of(DocumentError("wellkept.yaml", (problem,)))["error"]
    assert body["source"] == "wellkept.yaml"
    assert body["problems"] == [{"line": 3, "field": "port", "rule": "must be a number", "value": [1, 2]}]


@pytest.mark.parametrize(
    "value", [b"\xff", math.nan, math.inf, object(), {1: b"x"}, "x" * 10**6, [0] * 10**5, "\ud800"]
)
def test_whatever_the_value_the_answer_is_json_and_not_long(value: object) -> None:
    answer = refused(InputError("thing", "must be otherwise", value))
    assert answer.status_code == 422
    json.loads(bytes(answer.body), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(answer.body) < 10 * LONGEST_VALUE


@pytest.mark.parametrize(
    ("options", "thing", "value"),
    [
        ({"json": {"count": "many"}}, "body.count", "many"),
        ({"json": {}}, "body.count", None),
        ({"json": {"count": 1}, "params": {"when": "soon"}}, "query.when", "soon"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "body.1", None),
    ],
)
def test_a_malformed_request_names_the_field_and_the_value(
    app: FastAPI, options: dict[str, Any], thing: str, value: object
) -> None:
    answer = ask(app, "POST", "/orders", **options)
    assert answer.status_code == 422
    body = answer.json()["error"]
    assert body["thing"] == thing
    assert body["rule"]
    if value is not None:
        assert body["value"] == value


def test_an_address_that_is_not_there(app: FastAPI) -> None:
    answer = ask(app, "GET", "/nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"]["thing"] == "/nowhere"
    assert ask(app, "DELETE", "/orders").status_code == 405
