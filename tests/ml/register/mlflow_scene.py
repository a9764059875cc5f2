"""A gate whose world is an MLflow server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.ml.workshop import NOON, Changes
from tests.mlflow_server import FakeMlflow
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.plan import PlanState
from wellkept.ml.register.mlflow import ChangeMlflow, MlflowDesk
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.stream import Stream
from wellkept.store.mlflow.client import MlflowClient
from wellkept.store.state.plans import PlanRecord

GUARDED = ("champion", "challenger")


class Executor:
    """Starts nothing: the test runs what was started."""

    def start(self, plan: str, actions: int) -> None:
        pass


@dataclass
class Scene:
    """Desk, gate and client on one fake server."""

    folder: Path
    mlflow: FakeMlflow

    def __post_init__(self) -> None:
        self.state, self.clock = state_in(self.folder / "state"), SettableClock(NOON)
        self.client = MlflowClient(self.mlflow.upstream)
        self.desk = MlflowDesk(self.client, self.clock, GUARDED)
        handler = ChangeMlflow(self.client)
        self.audit = Audit(self.state)
        self.gate = Gate(
            self.state,
            Stream(self.state, Changes()),
            self.audit,
            Actions({handler.name: handler}),
            Policy(),
            lambda key: self.desk.fact(key.removeprefix("mlflow:")),
            self.clock,
        )
        self.gate.attach(Executor())
        self.desk.gate = self.gate

    def approve(self, plan: str) -> PlanRecord:
        """Approve a plan and do what its run does, to the end."""
        self.gate.approve(plan, self.record(plan).plan.hash, "ada", "a test")
        self.gate.tick()
        if self.record(plan).state is PlanState.RUNNING:
            self.gate.step(plan, 0)
            self.gate.settle(plan)
        return self.record(plan)

    def record(self, plan: str) -> PlanRecord:
        found = self.gate.plan(plan)
        assert found is not None
        return found

    def close(self) -> None:
        self.client.close()
        self.state.close()
