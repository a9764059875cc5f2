"""One model's whole road on real processes: trained, approved, served, logged, labelled, replaced, rolled back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.app.running import Running, running, until
from tests.ml.workshop import LIGHTGBM, LOAD, project

KILLED = f"""

    def train(frame):
        import os
        os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
HOMEMADE = """

    class Homemade:
        def __init__(self, column):
            self.column = column

        def predict(self, rows):
            return rows[:, self.column]

    def train(frame):
        return Homemade(1)
"""
"""A class of the project's own, with nothing but ``predict``."""


@dataclass
class Road:
    """A server with its model server, and one model on it."""

    server: Running
    model_server: str
    source: Path

    def train(self) -> dict[str, Any]:
        details: dict[str, Any] = self.server.json("models", "train", str(self.source))["details"]
        return details

    def decide(self, *command: str) -> None:
        """Propose, approve, and wait until it is served."""
        plan = self.server.json("models", *command)
        api = self.server.client
        api.post(f"/api/v1/plans/{plan['id']}/approve", {"hash": plan["hash"], "by": "ada", "why": "a test"})
        wanted = plan["plan"]["title"].split()[2]
        until(lambda: self.live() == wanted, f"version {wanted} is served")

    def live(self) -> str | None:
        """The version that is served."""
        answer = httpx.get(f"{self.model_server}/v2/models/fraud", timeout=10)
        version: str | None = answer.json()["versions"][0] if answer.status_code == 200 else None
        return version

    def ask(self, prediction: str, amount: float = 0.5, risk: float = 0.9) -> dict[str, Any]:
        tensors = [
            {"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
            for name, value in (("amount", amount), ("risk", risk))
        ]
        body = {"inputs": tensors, "parameters": {"prediction_id": prediction, "entity_key": "card-1"}}
        answer = httpx.post(f"{self.model_server}/v2/models/fraud/infer", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("road")
    with running(folder / "data", ["--no-agent"], WELLKEPT_ML__SERVE="true", WELLKEPT_ML__WATCH_EVERY_S="1") as server:
        address = folder / "data" / "served" / "address"
        until(address.exists, "the model server listens")
        yield Road(server, address.read_text("ascii"), project(folder / "project"))


def test_the_whole_road(road: Road) -> None:
    """The stations depend on each other, so they are one test; every one has its own assertion."""
    api = road.server.client

    first = road.train()
    assert (first["version"], first["judgement"]) == (1, "pass")
    assert road.live() is None, "trained is not live"

    road.decide("promote", "fraud")
    answer = road.ask("order-1")
    assert answer["model_version"] == "1"
    assert answer["outputs"][0]["data"][0] > 0.5

    for number in range(2, 30):
        road.ask(f"order-{number}", risk=number / 30)
    until(lambda: _backlog(road) == 0, "every answer is logged")
    labels = [{"prediction_id": f"order-{number}", "value": number % 2} for number in range(1, 30)]
    assert api.post("/v1/labels", {"labels": labels}) == {"accepted": 29}

    project(road.source, LOAD + LIGHTGBM)
    second = road.train()
    assert second["version"] == 2
    assert road.live() == "1"
    road.decide("promote", "fraud", "--version", "2")
    assert road.ask("order-30")["parameters"]["digest"] == second["digest"]

    road.decide("rollback", "fraud")
    assert road.ask("order-31")["parameters"]["digest"] == first["digest"]

    project(road.source, LOAD + KILLED)
    killed = road.server.ask("models", "train", str(road.source))
    assert killed.returncode != 0
    assert "was ended by signal SIGKILL" in killed.stdout + killed.stderr
    assert road.ask("order-32")["parameters"]["digest"] == first["digest"], "what was served still is"

    project(road.source, LOAD + HOMEMADE)
    third = road.train()
    road.decide("promote", "fraud", "--version", "3")
    answer = road.ask("order-33", risk=0.75)
    assert answer["parameters"]["digest"] == third["digest"]
    assert answer["outputs"][0]["data"] == [0.75]
    assert httpx.get(f"{road.model_server}/v2/models/fraud", timeout=10).json()["platform"] == "python"
    road.decide("rollback", "fraud")

    # What is served is there a moment before the plan that brought it has ended.
    until(lambda: _told(road).count("plan.succeeded") == 5, "the last plan has ended")
    assert _told(road).count("training.done") == 3
    moves = [move["alias"] for move in api.get("/api/v1/models/fraud")["history"]]
    assert moves == ["champion", *["champion", "previous"] * 4]
    jobs = {job["job"]: job["failures"] for job in api.get("/api/v1/status")["jobs"]}
    assert {name: count for name, count in jobs.items() if count} == {}
    assert road.server.errors() == ""

    for number in range(40, 60):
        road.ask(f"order-{number}")
    road.server.stop(signal.SIGKILL)
    with running(road.server.data, ["--no-agent"], WELLKEPT_ML__SERVE="true") as again:
        late = [{"prediction_id": f"order-{number}", "value": 1} for number in range(40, 60)]
        until(lambda: _all_known(again, late), "what was answered just before the kill is logged")


def _told(road: Road) -> list[str]:
    """The verbs of the audit log."""
    return [entry["verb"] for entry in road.server.client.get("/api/v1/audit", limit=200)["entries"]]


def _all_known(server: Running, labels: list[dict[str, Any]]) -> bool:
    with server.http() as http:
        return http.post("/v1/labels", json={"labels": labels}).status_code == 200


def _backlog(road: Road) -> int:
    found: int = httpx.get(f"{road.model_server}/v2/health/ready", timeout=10).json()["backlog"]
    return found
