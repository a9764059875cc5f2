"""Plans over HTTP: read, approved and rejected, with every conflict told as one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.spine.scene import Scene, open_scene, plan

from wellkept.api import errors, plans
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.plan import Action


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = open_scene(tmp_path)
    yield made
    made.state.close()


class Client:
    """Asks the routes without a server."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self._ask("GET", path, params=parameters)

    def post(self, path: str, **body: str) -> httpx.Response:
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, f"/api/v1{path}", **arguments)

        return asyncio.run(ask())


@pytest.fixture
def client(scene: Scene) -> Client:
    app = FastAPI()
    errors.install(app)
    app.include_router(plans.router(scene.gate, scene.audit))
    return Client(app)


def test_a_plan_is_read_with_what_it_would_do(scene: Scene, client: Client) -> None:
    made = plan("restart")
    scene.gate.propose(made)

    read = client.get("/plans/pln-1").json()

    assert (read["id"], read["hash"], read["state"]) == ("pln-1", made.hash, "waiting")
    assert read["would"] == ["would restart disk:h1:/data"]
    assert [shown["id"] for shown in client.get("/plans", state="waiting").json()["plans"]] == ["pln-1"]


def test_a_plan_whose_agent_is_away_can_be_read_and_rejected(
    scene: Scene, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.gate.propose(plan("restart", "clear_logs"))

    def away(action: Action) -> str:
        raise NotFoundError("agent", "none declares it")

    monkeypatch.setattr(scene.medium, "preview", away)

    read = client.get("/plans/pln-1")
    assert read.status_code == 200
    assert read.json()["would"] == ["cannot be done now: agent: none declares it", "would clear_logs disk:h1:/data"]
    assert client.post("/plans/pln-1/reject", by="ann").status_code == 200
    assert client.get("/plans/pln-1").json()["would"] == []


def test_exactly_what_was_read_is_approved_and_once(scene: Scene, client: Client) -> None:
    made = plan("restart")
    scene.gate.propose(made)

    def approve(**opinion: str) -> tuple[int, str]:
        answer = client.post("/plans/pln-1/approve", by="ann", **opinion)
        return answer.status_code, answer.json().get("error", {}).get("type", "")

    assert approve() == (422, "InputError")
    assert approve(hash="0" * 64) == (409, "ConflictError")
    assert approve(hash=made.hash) == (200, "")
    assert approve(hash=made.hash) == (409, "ConflictError")


def test_an_unknown_plan_is_told(client: Client) -> None:
    for answer in (client.get("/plans/pln-0"), client.post("/plans/pln-0/reject", by="ann")):
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "plan pln-0: is not known"


def test_the_audit_log_is_read_and_proven(scene: Scene, client: Client) -> None:
    scene.gate.propose(plan("restart"))
    scene.gate.reject("pln-1", "ann", "not today")

    entries = client.get("/audit", subject="pln-1").json()["entries"]

    assert [(entry["actor"], entry["verb"]) for entry in entries] == [
        ("ann", "plan.rejected"),
        ("wellkept", "plan.proposed"),
    ]
    assert client.get("/audit/verify").json() == {"entries": 2, "intact": True}
