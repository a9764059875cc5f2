"""A server that ends while models are trained: both the retrain and the training by hand go on at the next start."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from tests.app.running import Running, running, start, until
from tests.ml.workshop import CONTRACT, LOAD, LOGISTIC, Changes, project

from wellkept.app.clock import SystemClock
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.ml.contract import digest_of
from wellkept.ml.retrain.action import RetrainModel
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import Job, Registry
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

PLAN = "pln-retrain"
KEY = f"{PLAN}:0"
WAITS = """
    import time
    from pathlib import Path

    HERE = Path(__file__).parent
    with HERE.joinpath("began").open("a") as began:
        began.write("x")
    while not HERE.joinpath("go").exists():
        time.sleep(0.05)
"""


class NoTraining:
    """Nothing is trained by whoever only proposes."""

    def train(self, *_: object) -> Any:
        raise AssertionError("nobody trains here")


def propose_retrain(data: Path, source: Path) -> None:
    """Have a retrain of fraud proposed, which the policy lets run by itself."""
    state, now = State.open(data / "state"), datetime.now(UTC)
    registry, stream = Registry(state), Stream(state, Changes())
    registry.save_contract("fraud", CONTRACT, digest_of(CONTRACT.encode()), now)
    registry.save_job(Job("job-old", "train", "model:fraud", "done", now, now, {"project": str(source)}))
    handler = RetrainModel(registry, NoTraining())
    gate = Gate(state, stream, Audit(state), Actions({handler.name: handler}), Policy(), lambda _: "", SystemClock())
    span = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    gate.propose(
        Plan(
            id=PLAN,
            subject="model:fraud",
            title="Retrain fraud",
            reason="a test",
            risk=Risk.MEDIUM,
            actions=(Action("retrain_model", "model:fraud", {"model": "fraud", **span}),),
            verification=Verification(sentence="it is trained"),
            proposed_at=now,
            proposed_by="wellkept",
        )
    )
    state.close()


def job(server: Running, key: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get(f"/api/v1/jobs/{key}")["job"]
    return found


def _is_over(server: Running, key: str) -> bool:
    return bool(job(server, key)["state"] != "running")


def test_trainings_go_on_where_the_server_ended(tmp_path: Path) -> None:
    retrained = project(tmp_path / "retrained", WAITS + LOAD + LOGISTIC)
    by_hand = project(tmp_path / "by-hand", WAITS + LOAD + LOGISTIC, CONTRACT.replace("fraud", "churn"))
    propose_retrain(tmp_path / "data", retrained)
    first = start(tmp_path / "data")
    hand = first.client.post("/api/v1/models/train", {"project": str(by_hand)})["job"]["id"]
    until(lambda: all((folder / "began").exists() for folder in (retrained, by_hand)), "both trainings are under way")
    workers = first.family()
    assert (job(first, KEY)["state"], job(first, hand)["state"]) == ("running", "running")

    assert first.stop() == 0, "at once, although both trainings would have gone on"

    assert first.errors() == ""
    assert psutil.wait_procs(workers, timeout=20)[1] == [], "no worker outlives the server"
    for folder in (retrained, by_hand):
        folder.joinpath("go").touch()
    with running(tmp_path / "data") as second:
        for key in (KEY, hand):
            until(functools.partial(_is_over, second, key), "the training has ended")
            done = job(second, key)
            assert (done["state"], done["details"].get("version"), done["details"]["attempts"]) == ("done", 1, 2)
        until(lambda: second.client.get(f"/api/v1/plans/{PLAN}")["state"] == "succeeded", "its plan is settled")
        assert len(second.client.get("/api/v1/models/fraud")["versions"]) == 1
        assert second.errors() == ""
