"""A registry, a gate and a rollout desk on a real store; what the telemetry store would say is put in by the test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.ml.deploy.arms import EDGES, Side
from tests.ml.workshop import NOON, Changes
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.plan import Plan, PlanState
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.deploy.actions import RollOut, WatchRelease
from wellkept.ml.deploy.desk import RolloutDesk
from wellkept.ml.deploy.paired import Reader
from wellkept.ml.deploy.runner import Loaded, RolloutRunner
from wellkept.ml.deploy.sequential import Floats
from wellkept.ml.deploy.stage import PromoteModel, deployments, promotion_plan
from wellkept.ml.deploy.usecases import RolloutCases
from wellkept.ml.reference import SCORE, Distribution
from wellkept.spine.action import Actions, Interrupted
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState
from wellkept.spine.rollouts import Rollout, Rollouts
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.arms import Agreement, Asked

CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}]
metrics: {primary: roc_auc}
rollout: {strategy: canary, shares: [0.2], step_s: 600, step_rows: 500}
"""
PATIENCE_S = 30.0


class Runs:
    """The durable executor: each plan on a thread; ``crash`` forgets them, as a killed process does."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.threads: list[threading.Thread] = []

    def start(self, plan: str, actions: int) -> None:
        thread = threading.Thread(target=self._run, args=(plan, actions), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _run(self, plan: str, actions: int) -> None:
        with contextlib.suppress(Interrupted):
            for index in range(actions):
                if not self._gate.step(plan, index)["ok"]:
                    break
            self._gate.settle(plan)


@dataclass
class Seen:
    """Stands for the telemetry store: what champion and challenger did."""

    champion: Side = field(default_factory=Side)
    challenger: Side = field(default_factory=Side)
    asked: list[Asked] = field(default_factory=list)

    def requests(self, asked: Asked) -> list[Floats]:
        self.asked.append(asked)
        champion, challenger = self._sides(asked)
        return [champion.asked(), challenger.asked()]

    def answers(self, asked: Asked) -> list[Floats]:
        champion, challenger = self._sides(asked)
        return [champion.answered(), challenger.answered()]

    def agreement(self, asked: Asked) -> Agreement:
        pairs = min(side.requests for side in self._sides(asked))
        return Agreement(pairs, pairs // 20, 0.1)

    def _sides(self, asked: Asked) -> tuple[Side, Side]:
        """Nothing, where all of the time is void."""
        arm = asked.arms[1]
        if any(start <= arm.start and arm.end <= end for start, end in asked.void):
            return Side(), Side()
        return self.champion, self.challenger

    def slowest(self, *_: Any) -> tuple[float, int]:
        return 20.0, 5000


class Releases:
    """What belongs to a version."""

    other: str = ""
    """The contract of version 3, where that is another one."""

    def contract(self, version: ModelVersion) -> ModelContract:
        return parse_contract(self.other if self.other and version.number == 3 else CONTRACT)

    def reference(self, _: ModelVersion) -> dict[str, Distribution]:
        edges = tuple((edge + 1) / (EDGES + 1) for edge in range(EDGES))
        return {SCORE: Distribution(edges, (10,) * (EDGES + 1), 0.0, 0.1)}


@dataclass
class OneServer:
    """A model server that says what a test wants."""

    told: Loaded | None = None

    def loaded(self, _: str) -> Loaded | None:
        return self.told


class Hall:
    """Versions 1 (the champion), 2 and 3 of one model."""

    def __init__(self, folder: Path, *, is_new: bool = True, clock: SettableClock | None = None) -> None:
        self.folder, self.clock, self.changes = folder, clock or SettableClock(NOON), Changes()
        self.state, self.seen, self.server = state_in(folder), Seen(), OneServer()
        self.registry, self.stream = Registry(self.state), Stream(self.state, self.changes)
        self.topology, self.audit = Topology(self.state), Audit(self.state)
        self.rollouts = Rollouts(self.state)
        if is_new:
            self.registry.save_contract("fraud", CONTRACT, "sha256:0", NOON)
        self.versions = [self._version(number) for number in (1, 2, 3)]
        if is_new:
            self.registry.set_alias("fraud", CHAMPION, self.digest(1), expected=None, at=NOON, by="ada")
        self.desk = RolloutDesk(self.rollouts, self.registry, self.stream, self.audit, self.clock)
        self.gate = self._gate()
        self.releases = Releases()
        reader = Reader(self.seen, self.releases)  # type: ignore[arg-type]
        self.cases = RolloutCases(self.rollouts, self.registry, self.desk, reader, self.clock, self.gate)
        self.runner = RolloutRunner(
            self.rollouts, self.desk, self.registry, reader, self.stream, self.topology, self.server
        )
        self.runner.gate, self.runner.promote = self.gate, self._promote
        self.runs = Runs(self.gate)
        self.gate.attach(self.runs)

    def begin(self, number: int = 2, **policy: Any) -> Plan:
        """Propose a rollout, approve it, and wait until it runs."""
        plan = self.propose(number, **policy)
        self.gate.approve(plan.id, plan.hash, "ada", "looks right")
        self.gate.tick()
        alias = "shadow" if policy.get("strategy") == "shadow" else "challenger"
        self.until(lambda: alias in self.registry.aliases("fraud") or self.state_of(plan).is_final)
        return plan

    def propose(self, number: int = 2, **policy: Any) -> Plan:
        self.clock.advance(timedelta(seconds=1))
        answer = self.cases.propose("fraud", str(number), policy, "ada", "it is better")
        record = self.gate.plan(answer["id"])
        assert record is not None
        return record.plan

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def look(self) -> list[str]:
        """One turn of the runner: the verdicts."""
        return [look.verdict for look in self.runner.tick(self.clock.now())]

    def rollout(self) -> Rollout:
        """The newest rollout."""
        return self.rollouts.recent("fraud", 1)[0]

    def settled(self, plan: Plan) -> PlanState:
        """The state of a plan as soon as it has ended."""
        self.until(lambda: self.state_of(plan).is_final)
        return self.state_of(plan)

    def state_of(self, plan: Plan) -> PlanState:
        record = self.gate.plan(plan.id)
        assert record is not None
        return record.state

    def sentence_of(self, plan: Plan) -> str:
        record = self.gate.plan(plan.id)
        assert record is not None
        return record.sentence

    def aliases(self) -> dict[str, int]:
        """Alias to number."""
        numbers = {version.digest: version.number for version in self.versions}
        return {alias: numbers[digest] for alias, digest in self.registry.aliases("fraud").items()}

    def listed(self) -> list[tuple[int, str, float]]:
        """What model servers are told: number, role, share."""
        found = deployments(self.registry, lambda _: "", self.rollouts.live())
        return [(entry["version"], entry.get("role", ""), entry.get("share", 1.0)) for entry in found]

    def verbs(self) -> list[str]:
        """What the audit log says of rollouts and plans, oldest first."""
        return [entry.verb for entry in reversed(self.audit.entries(1000))]

    def digest(self, number: int) -> str:
        return self.versions[number - 1].digest

    def until(self, look: Any) -> None:
        """Wait for a thread of the executor; looking is all that the store needs."""
        pause, deadline = threading.Event(), datetime.now(NOON.tzinfo) + timedelta(seconds=PATIENCE_S)
        while not look():
            assert datetime.now(NOON.tzinfo) < deadline, "not in time"
            pause.wait(0.005)

    def crash(self) -> Hall:
        """What a killed process leaves is all that the next one finds."""
        self.close()
        return Hall(self.folder, is_new=False, clock=self.clock)

    def close(self) -> None:
        self.desk.close()
        for thread in self.runs.threads:
            thread.join(PATIENCE_S)
        self.state.close()

    def _promote(self, version: ModelVersion, by: str, why: str) -> Plan:
        plan = promotion_plan(version, self.registry.alias("fraud", CHAMPION), self.clock.now(), by, why)
        self.gate.propose(plan)
        return plan

    def _gate(self) -> Gate:
        handlers: Sequence[Any] = [
            PromoteModel(self.registry, self.stream, self.clock),
            RollOut(self.desk, self.registry, self.clock),
            WatchRelease(self.desk, self.rollouts, self.registry, self.stream, self.clock),
        ]
        actions = Actions({handler.name: handler for handler in handlers})
        return Gate(self.state, self.stream, self.audit, actions, Policy(), self._world, self.clock)

    def _world(self, key: str) -> str:
        model, _, alias = key.partition(":")[2].partition("@")
        return self.registry.aliases(model).get(alias, "")

    def _version(self, number: int) -> ModelVersion:
        digest = f"sha256:{number:064}"
        return self.registry.register(
            ModelVersion("fraud", digest, NOON, digest, "onnx", digest, state=VersionState.PASSED)
        )


__all__ = ["PREVIOUS", "Hall"]
