"""Weights learned from confirmed causes come into use through the gate, as the policy or a person decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ops.diagnose.test_learn import confirmed
from tests.spine.scene import NOON, Executor, Scene, open_scene

from wellkept.app.causes import Causes
from wellkept.kernel.errors import ConflictError, NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.plan import PlanState
from wellkept.ops.diagnose.base import WEIGHTS, DiagnoseSettings
from wellkept.spine.action import Actions
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = open_scene(tmp_path)
    yield made
    made.state.close()


def wired(scene: Scene, policy: Policy | None = None, cases: int = 40) -> tuple[Causes, Gate]:
    """Causes with so many confirmations, before a gate of this policy."""
    causes = Causes(scene.state, scene.stream, scene.audit, scene.clock)
    handler = causes.handler()

    def world(key: str) -> str:
        return causes.fact(key.partition(":")[2])

    actions, rules = Actions({handler.name: handler}), policy or Policy()
    causes.gate = gate = Gate(scene.state, scene.stream, scene.audit, actions, rules, world, scene.clock)
    gate.attach(Executor())
    for said in confirmed(cases):
        scene.stream.save_incident(Incident(said.incident, "slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ()))
        causes.desk.gather = lambda _incident, _diagnosis, said=said: said.evidence
        causes.desk.confirm(said.incident, said.entity, by="ann")
    return causes, gate


def run(gate: Gate, plan: str) -> None:
    gate.tick()
    gate.step(plan, 0)
    gate.settle(plan)


def test_what_passes_is_used_by_the_policy_and_taken_back_by_another_plan(scene: Scene) -> None:
    causes, gate = wired(scene)
    made, record = causes.learn("ann")
    assert record is not None
    assert (record.state, record.decision.by if record.decision else "") == (PlanState.APPROVED, "policy")
    assert "It passed on 40 confirmed causes" in record.plan.reason
    assert causes.weigh(DiagnoseSettings()).weights == WEIGHTS, "it is not in use before it was run"

    run(gate, record.plan.id)
    settled = gate.plan(record.plan.id)
    assert settled is not None
    assert settled.state is PlanState.SUCCEEDED
    assert causes.desk.in_use == made.number == 1
    assert causes.weigh(DiagnoseSettings()).version.endswith("+learned.1")
    with pytest.raises(ConflictError, match="in use already"):
        causes.propose(1, "ann")

    back = causes.propose(0, "bob", "it names the wrong ones")
    run(gate, back.plan.id)
    assert causes.desk.in_use == 0
    assert back.plan.actions[0].undo == "wellkept diagnose use 1"
    verbs = [entry.verb for entry in scene.audit.entries(subject=record.plan.id)]
    assert {"plan.proposed", "plan.approved", "plan.started", "action.done", "plan.succeeded"} <= set(verbs)


def test_where_the_policy_lets_nothing_run_a_person_decides(scene: Scene) -> None:
    causes, gate = wired(scene, Policy(automatic_low=False))
    _, record = causes.learn("ann")
    assert record is not None
    assert record.state is PlanState.WAITING
    gate.approve(record.plan.id, record.plan.hash, "eve", "looks right")
    run(gate, record.plan.id)
    assert causes.desk.in_use == 1


def test_a_plan_is_void_when_another_version_came_into_use_meanwhile(scene: Scene) -> None:
    causes, gate = wired(scene, Policy(automatic_low=False))
    _, first = causes.learn("ann")
    scene.later(1)
    second = causes.propose(1, "bob")
    assert first is not None
    gate.approve(first.plan.id, first.plan.hash, "eve", "looks right")
    run(gate, first.plan.id)
    with pytest.raises(ConflictError, match="the world changed"):
        gate.approve(second.plan.id, second.plan.hash, "eve", "looks right")


def test_what_does_not_pass_is_kept_and_never_proposed(scene: Scene) -> None:
    causes, _ = wired(scene, cases=10)
    made, record = causes.learn("ann")
    assert (record, [one.number for one in causes.desk.weightings()]) == (None, [made.number])
    with pytest.raises(ConflictError, match="did not pass"):
        causes.propose(made.number, "ann")
    with pytest.raises(NotFoundError, match="version 7"):
        causes.propose(7, "ann")
