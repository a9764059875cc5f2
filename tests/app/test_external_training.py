"""A retrain that an external CI runs, with a real server that is killed half way, and the real commands as the CI."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pyarrow.parquet as pq
import pytest
from tests.app.receiver import Receiver, receiving
from tests.app.running import Running, start, until, wellkept
from tests.ml.workshop import CONTRACT, Changes, project

from wellkept.app.clock import SystemClock
from wellkept.kernel.plan import Action, Plan, PlanState, Risk, Verification
from wellkept.kernel.webhooks import key_of, verified
from wellkept.ml.contract import digest_of
from wellkept.ml.retrain.action import RetrainModel, Training
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import Job, Registry
from wellkept.spine.stream import Stream
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.state import State

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OUTSIDE = (
    CONTRACT.replace("retrain: {", "retrain: {runner: ci, hook: ci, ")
    if "retrain:" in CONTRACT
    else (f"{CONTRACT}retrain: {{runner: ci, hook: ci}}\n")
)


@dataclass
class World:
    """A server, the CI's endpoint, and the project that both have."""

    server: Running
    receiver: Receiver
    folder: Path
    source: Path
    event: Path
    started: int = 1

    @property
    def asked(self) -> dict[str, Any]:
        data: dict[str, Any] = self.receiver.events("retrain.requested")[0]["data"]
        return data

    def job(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.client.get(f"/api/v1/jobs/{PLAN}:0")["job"]
        return found


PLAN = "pln-outside"


def decided(data: Path, source: Path) -> None:
    """Leave an approved plan to retrain, as the ml loop does."""
    state, clock = State.open(data / "state"), SystemClock()
    registry, now = Registry(state), datetime.now(UTC)
    registry.save_contract("fraud", OUTSIDE, digest_of(OUTSIDE.encode()), now)
    registry.save_job(Job("job-known", "train", "model:fraud", "done", now, now, {"project": str(source)}))
    arguments = {"model": "fraud", "start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    plan = Plan(
        id=PLAN,
        subject="model:fraud",
        title="Retrain fraud",
        reason="a real shift",
        risk=Risk.MEDIUM,
        actions=(Action(RetrainModel.name, "model:fraud", arguments, "nothing to undo"),),
        verification=Verification(sentence="done"),
        proposed_at=now,
        proposed_by="wellkept",
    )
    actions = Actions({RetrainModel.name: RetrainModel(registry, cast("Training", None))})
    gate = Gate(state, Stream(state, Changes()), Audit(state), actions, Policy(), lambda key: "", clock)
    assert gate.propose(plan) is PlanState.APPROVED
    state.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that asked its CI, was killed while it waited, and runs again."""
    folder = tmp_path_factory.mktemp("outside")
    source = project(folder / "project", contract=OUTSIDE)
    decided(folder / "data", source)
    with receiving() as receiver:
        config = folder / "wellkept.yaml"
        told = {"name": "ci", "url": receiver.url, "events": ["webhook.test"], "secret_env": "CI_SECRET"}
        config.write_text(json.dumps({"webhooks": {"networks": ["127.0.0.0/8"], "send": [told]}}))
        arguments = ["--config", str(config), "--port", str(free_port())]
        server = start(folder / "data", arguments, CI_SECRET=SECRET)
        until(lambda: receiver.events("retrain.requested"), "the CI was asked")
        server.stop(signal.SIGKILL)
        server = start(folder / "data", arguments, CI_SECRET=SECRET)
        event = folder / "event.json"
        event.write_text(json.dumps({"client_payload": {"event": receiver.events("retrain.requested")[0]}}))
        yield World(server, receiver, folder, source, event)
        server.stop()


def test_the_ci_is_asked_by_a_signed_message_that_says_what_to_train_on(world: World) -> None:
    asked = world.receiver.events("retrain.requested")[0]
    place = next(n for n, body in enumerate(world.receiver.bodies) if json.loads(body) == asked)
    headers = world.receiver.headers[place]

    assert verified([key_of(SECRET)], headers, world.receiver.bodies[place], float(headers["webhook-timestamp"]))
    assert asked["data"]["model"] == "fraud"
    assert asked["data"]["rows_url"].startswith(world.server.address)
    assert world.job()["state"] == "running"


def test_its_token_opens_its_run_and_nothing_else(world: World) -> None:
    token, run = world.asked["token"], world.asked["run"]
    with world.server.stranger() as http:
        ours = {"Authorization": f"Bearer {token}"}
        assert http.get(f"/api/v1/external/{run}", headers=ours).status_code == 200
        for path in (
            "/api/v1/external",
            f"/api/v1/external/{run}x",
            "/api/v1/status",
            "/api/v1/models",
            "/",
            "/metrics",
            f"/api/v1/external/{run}/rows/",
            f"/api/v1/external/{run}/../{run}x",
            f"/api/v1/external/{run}%2f..",
        ):
            assert http.get(path, headers=ours).status_code in (401, 404), path
        assert http.post("/v1/labels", json={"labels": []}, headers=ours).status_code == 401
        for other in (f"{token}0", token.replace(run, f"{run}x"), "wkr...", "wkr.a.1.b"):
            assert http.get(f"/api/v1/external/{run}", headers={"Authorization": f"Bearer {other}"}).status_code == 401


def test_it_is_no_secret_that_is_shown_anywhere(world: World) -> None:
    shown = world.server.json("webhooks", "deliveries")

    assert world.asked["token"] not in json.dumps(shown)
    assert SECRET.removeprefix("whsec_") not in json.dumps([shown, world.server.json("webhooks", "list")])
    assert "retrain.requested" in {one["type"] for one in shown["deliveries"]}


@pytest.mark.parametrize(
    ("report", "named"),
    [
        ({"state": "done"}, "files"),
        ({"state": "done", "files": {"manifest.json": "sha256:" + "0" * 64}}, "artifact"),
        ({"state": "done", "files": {"../../evil": "sha256:" + "0" * 64}}, "files"),
        ({"state": "done", "files": {"model.pkl": "sha256:" + "0" * 64}}, "files"),
        ({"state": "done", "files": {"features.py": "sha256:" + "0" * 64}}, "files"),
        ({"state": "done", "files": {"manifest.json": "../../etc/passwd"}}, "files.manifest.json"),
        ({"state": "failed"}, "error"),
        ({"state": "promoted", "files": {}}, "state"),
        ({"state": "done", "files": {}, "promote": True}, "promote"),
        ([1], "report"),
    ],
)
def test_a_report_that_breaks_a_rule_is_refused_and_the_run_goes_on_waiting(
    report: Any, named: str, world: World
) -> None:
    answer = said(world, world.asked["run"], report)

    assert answer.status_code in (404, 422), answer.text
    assert named in answer.json()["error"]["message"]
    assert world.server.client.get(f"/api/v1/external/{world.asked['run']}")["run"]["state"] == "waiting"


def test_a_run_that_nobody_knows_is_refused(world: World) -> None:
    assert said(world, "run-unknown", {"state": "failed", "error": "x"}, world.server.token).status_code == 404


def test_the_ci_trains_and_the_platform_judges_it_on_rows_that_never_left(world: World) -> None:
    done = wellkept("models", "train-external", str(world.source), "--event", str(world.event), "--json",
                    "--out", str(world.folder / "made"))  # fmt: skip
    assert done.returncode == 0, done.stderr

    job = until(lambda: (found := world.job())["state"] != "running" and found, "the run has ended")

    assert job["state"] == "done", job
    (version,) = world.server.client.get("/api/v1/models/fraud")["versions"]
    assert version["lineage"]["external.run"] == world.asked["run"]
    assert version["lineage"]["executor"] == "ci"
    assert version["gate"]["judgement"] == "pass"
    snapshot = Artifacts(str(world.server.data / "artifacts")).get_bytes(version["snapshot"])
    whole = pq.read_table(_file(world.folder / "whole.parquet", snapshot)).num_rows
    given, held_out = json.loads(done.stdout)["rows"], int(version["lineage"]["rows"].split(", ")[1].split()[0])
    assert given + held_out == whole == 400
    assert given == world.asked["rows_count"]
    assert len({told["id"] for told in world.receiver.events("retrain.requested")}) == 1
    until(lambda: world.server.client.get(f"/api/v1/plans/{PLAN}")["state"] == "succeeded", "the plan has succeeded")
    assert not world.server.client.get("/api/v1/models/fraud")["aliases"], "what is served changes by a promotion alone"


def test_said_twice_is_said_once_and_otherwise_is_refused(world: World) -> None:
    again = wellkept("models", "report", "--event", str(world.event), "--artifact", str(world.folder / "made"),
                     "--project", str(world.source))  # fmt: skip
    assert again.returncode == 0, again.stderr

    other = wellkept("models", "report", "--event", str(world.event), "--failed", "no, it failed")

    assert other.returncode == 5
    assert "does not wait for a report any more" in other.stderr
    assert len(world.server.client.get("/api/v1/models/fraud")["versions"]) == 1


def said(world: World, run: str, report: Any, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token or world.asked['token']}"}
    with world.server.stranger() as http:
        return http.post(f"/api/v1/external/{run}/report", json=report, headers=headers)


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
