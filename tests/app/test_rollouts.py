"""Rollouts on real processes: what would hurt is stopped by itself and says why, what is good is promoted."""

from __future__ import annotations

import contextlib
import signal
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sklearn.linear_model import LogisticRegression
from tests.app.running import Running, running, until
from tests.ml.workshop import CONTRACT, NOON

from wellkept.ml.export import export
from wellkept.ml.owncode import FILE
from wellkept.ml.reference import make_reference, write_reference
from wellkept.spine.registry import ModelVersion, Registry, VersionState
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.state import State

ROLLOUT = """
rollout:
  strategy: canary
  shares: [0.5]
  step_s: 1
  step_rows: 50
  health: {errors: 0.1, slow: 0.3, slow_ms: 500}
  quality: {loss: 0.5, min_labels: 100, scores: 0.6}
"""
SETTINGS = {"WELLKEPT_ML__SERVE": "true", "WELLKEPT_ML__ROLLOUT_EVERY_S": "0.5", "WELLKEPT_OPS__ENABLED": "false"}
FRAGILE = """
def features(frame):
    if max(frame["amount"].to_pylist()) > 1:
        raise ValueError("an amount above 1 was never seen")
    return frame
"""
"""Some of the amounts that are asked are above 1."""
INPUTS = ["amount", "risk"]
CLIENTS = 2
PASSED = VersionState.PASSED


@dataclass
class Road:
    """A server with its model server and one model, and clients that ask it when they are told to."""

    server: Running
    failed: list[str] = field(default_factory=list)

    @property
    def model_server(self) -> str:
        """Where the model server listens."""
        address = self.server.data / "served" / "address"
        until(address.exists, "the model server listens")
        return address.read_text("ascii")

    def approved(self, version: int) -> str:
        """The plan that promotes a version as its contract says, approved."""
        api = self.server.client
        plan = api.post("/api/v1/models/fraud/promote", {"by": "ada", "version": str(version)})
        api.post(f"/api/v1/plans/{plan['id']}/approve", {"hash": plan["hash"], "by": "ada", "why": "a test"})
        found: str = plan["id"]
        return found

    def plan(self, plan: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.client.get(f"/api/v1/plans/{plan}")
        return found

    def ended(self, plan: str) -> dict[str, Any]:
        final, pace = ("succeeded", "failed", "void", "expired", "rejected"), threading.Event()
        until(lambda: pace.wait(0.2) or self.plan(plan)["state"] in final, f"plan {plan} has ended")
        return self.plan(plan)

    def rollout(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.client.get("/api/v1/models/fraud/rollout")["rollout"]
        return found

    def listed(self) -> list[tuple[int, str, float]]:
        """What model servers are told: number, role, share."""
        found = self.server.client.get("/api/v1/deployments")["deployments"]
        return [(entry["version"], entry.get("role", ""), round(entry.get("share", 1.0), 9)) for entry in found]

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """Clients ask, and tell the truth about what was answered, for the length of a block."""
        stop, address = threading.Event(), self.model_server
        threads = [
            threading.Thread(target=self._ask, args=(number, address, stop), daemon=True) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _ask(self, client: int, address: str, stop: threading.Event) -> None:
        random, late = np.random.default_rng(client), list[dict[str, Any]]()
        with httpx.Client(timeout=10, base_url=address) as model, self.server.http() as platform:
            while not stop.is_set():
                known = []
                for _ in range(20):
                    stop.wait(0.005)  # A pace that leaves the machine to the servers.
                    amount, risk = random.random() * 1.5, random.random()
                    key, card = uuid.uuid4().hex, f"card-{random.integers(100_000)}"
                    tensors = [
                        {"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
                        for name, value in (("amount", amount), ("risk", risk))
                    ]
                    body = {"inputs": tensors, "parameters": {"prediction_id": key, "entity_key": card}}
                    answer = model.post("/v2/models/fraud/infer", json=body)
                    if answer.status_code == 200:
                        chance = 1 / (1 + np.exp(-12 * (risk - 0.5)))
                        known.append({"prediction_id": key, "value": int(random.random() < chance)})
                    else:
                        self.failed.append(answer.text)
                # An answer is logged within a moment; the truth about it must not come sooner.
                platform.post("/v1/labels", json={"labels": late})
                late = known


def shelved(data: Path) -> None:
    """Two versions of one model in a data folder: 1 fails at some of what it is asked, 2 is the same and does not."""
    random = np.random.default_rng(3)
    rows = random.random((400, 2))
    labels = (random.random(400) < 1 / (1 + np.exp(-12 * (rows[:, 1] - 0.5)))).astype(float)
    estimator = LogisticRegression().fit(rows, labels)
    state, artifacts = State.open(data / "state"), Artifacts(str(data / "artifacts"))
    registry = Registry(state)
    for number, columns in enumerate((INPUTS, [])):
        text = CONTRACT.replace("output:", "columns: [amount, risk]\noutput:" if columns else "output:") + ROLLOUT
        folder = data / f"made-{number}"
        manifest = export(estimator, rows, INPUTS, folder, columns)
        write_reference(make_reference(rows, INPUTS, estimator.predict_proba(rows)[:, 1]), folder)
        if columns:
            (folder / FILE).write_text(FRAGILE, encoding="utf-8")
        artifact, contract = artifacts.put_tree(folder), artifacts.put_bytes(text.encode())
        registry.save_contract("fraud", text, contract, NOON)
        lineage = {"contract": contract}
        registry.register(
            ModelVersion(
                "fraud", f"sha256:{number:064}", NOON, artifact, manifest["format"], "", lineage=lineage, state=PASSED
            )
        )
    state.close()


def served(road: Road) -> None:
    """Wait until the champion is served; after a kill, the address is that of the server before for a moment."""

    def looked() -> bool:
        try:
            return httpx.get(f"{road.model_server}/ping", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    until(looked, "the champion is served")


def test_a_good_canary_is_promoted_though_the_server_was_killed_and_a_bad_one_is_stopped(tmp_path: Path) -> None:
    """The stations depend on each other, so they are one test; every one has its own assertion."""
    data, bad, good = tmp_path / "data", 1, 2
    shelved(data)
    with running(data, ["--no-agent"], **SETTINGS) as server:
        road = Road(server)
        assert road.ended(road.approved(bad))["state"] == "succeeded"
        served(road)

        plan = road.approved(good)
        until(lambda: len(road.listed()) == 2, "the rollout has begun")
        before = road.rollout()
        server.stop(signal.SIGKILL)

    with running(data, ["--no-agent"], **SETTINGS) as server:
        road = Road(server)
        assert (road.rollout()["id"], road.rollout()["state"]) == (before["id"], "running")
        assert road.listed() == [(bad, "champion", 0.5), (good, "challenger", 0.5)]
        served(road)
        with road.asked():
            ended = road.ended(plan)
        assert ended["state"] == "succeeded", ended
        until(lambda: road.rollout()["state"] == "done", "the rollout is done")
        assert sorted(server.client.get("/api/v1/models/fraud")["aliases"]) == ["champion", "previous"]
        assert road.listed() == [(good, "", 1.0)]

        plan, road.failed = road.approved(bad), []
        with road.asked():
            ended = road.ended(plan)
        found = road.rollout()
        assert (ended["state"], found["state"]) == ("failed", "stopped")
        assert found["versions"] == {"champion": good, "challenger": bad}
        assert "of its requests fail, 0.00% of the champion's" in found["sentence"]
        assert found["sentence"] in ended["sentence"]
        assert any("an amount above 1 was never seen" in text for text in road.failed)
        assert road.listed() == [(good, "", 1.0)]
        told = server.ask("models", "rollouts")
        assert "stopped" in told.stdout, told.stderr
        verbs = [entry["verb"] for entry in server.client.get("/api/v1/audit", limit=200)["entries"]]
        assert {"rollout.started", "rollout.stopped", "rollout.passed", "rollout.done"} <= set(verbs)
        jobs = {job["job"]: job["last_error"] for job in server.client.get("/api/v1/status")["jobs"]}
        assert jobs["rollouts"] == ""
