"""Causes confirmed over HTTP, and learning that is asked for there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.spine.scene import NOON, Scene, open_scene

from wellkept.api import diagnosis, errors
from wellkept.app.causes import Causes
from wellkept.kernel.diagnosis import Cause, Diagnosis
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = open_scene(tmp_path)
    made.stream.save_incident(Incident("inc-1", "cart is slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ()))
    made.stream.save_diagnosis(Diagnosis("inc-1", NOON, "2", (Cause("service:cart", 0.9, ()),), "It is cart."))
    yield made
    made.state.close()


@pytest.fixture
def app(scene: Scene) -> FastAPI:
    causes = Causes(scene.state, scene.stream, scene.audit, scene.clock)
    made = FastAPI()
    errors.install(made)
    made.include_router(diagnosis.router(causes))
    return made


def ask(app: FastAPI, method: str, path: str, **body: Any) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.request(method, f"/api/v1{path}", json=body or None)

    return asyncio.run(answer())


def test_a_cause_is_corrected_and_read_again(app: FastAPI) -> None:
    assert ask(app, "GET", "/incidents/inc-1/cause").status_code == 404
    answer = ask(app, "POST", "/incidents/inc-1/cause", entity="host:h1", by="ann", why="its disk", fault="disk")
    assert answer.json()["confirmation"]["named"] == "service:cart"
    read = ask(app, "GET", "/incidents/inc-1/cause").json()["confirmation"]
    assert (read["entity"], read["fault"], read["suspects"]) == ("host:h1", "disk", 0)
    assert len(ask(app, "GET", "/diagnosis/confirmations").json()["confirmations"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [({"entity": "service:x"}, 422), ({"entity": "service:x", "by": "ann", "fault": "gremlins"}, 422)],
)
def test_what_is_wrong_is_told(app: FastAPI, body: dict[str, Any], status: int) -> None:
    assert ask(app, "POST", "/incidents/inc-1/cause", **body).status_code == status
    assert ask(app, "POST", "/incidents/inc-9/cause", entity="service:x", by="ann").status_code == 404


def test_learning_needs_something_to_learn_from_and_says_what_is_missing(app: FastAPI) -> None:
    assert ask(app, "POST", "/diagnosis/learn", by="ann").status_code == 409
    ask(app, "POST", "/incidents/inc-1/cause", entity="service:cart", by="ann")
    answer = ask(app, "POST", "/diagnosis/learn", by="ann").json()
    made = answer["weights"]
    assert (made["number"], made["is_used"], made["verdict"]["judgement"], answer["plan"]) == (1, False, "fail", None)
    listed = ask(app, "GET", "/diagnosis/weights").json()
    assert (len(listed["weights"]), listed["in_use"]) == (1, 0)
    off = ask(app, "POST", "/diagnosis/use", by="ann", number=0)
    assert (off.status_code, "switched off" in off.text) == (409, True)
