"""A plan's whole road through the gate, and what the audit log tells of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.spine.scene import NOON, Scene, plan

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.errors import InputError, NotFoundError, StoreError
from wellkept.kernel.plan import ActionResult, PlanState, Risk


def test_proposed_approved_done_verified(scene: Scene) -> None:
    suspicion = scene.suspect()
    made = plan("restart", risk=Risk.MEDIUM, findings=[suspicion.id])

    assert scene.gate.propose(made) is PlanState.WAITING
    decision = scene.gate.approve(made.id, made.hash, "ann", "looks right")
    assert scene.record(made).state is PlanState.APPROVED
    assert (decision.plan_hash, decision.by, decision.at) == (made.hash, "ann", NOON)
    scene.gate.tick()
    assert scene.executor.started == [(made.id, 1)]
    assert scene.record(made).state is PlanState.RUNNING
    scene.run(made)
    assert scene.record(made).state is PlanState.VERIFYING
    scene.stream.close([suspicion.fingerprint], scene.clock.now())
    assert scene.gate.settle(made.id) is True

    record = scene.record(made)
    assert (record.state, record.sentence) == (PlanState.SUCCEEDED, "the finding ended")
    assert [settled.state for settled in scene.settled] == [PlanState.SUCCEEDED]
    assert scene.medium.keys == [f"{made.id}:0"]


def test_each_step_is_in_the_audit_log_and_the_chain_holds(scene: Scene) -> None:
    made = plan("restart", "restart")
    scene.gate.propose(made)
    scene.gate.approve(made.id, made.hash, "ann", "looks right")
    scene.gate.tick()
    scene.run(made)

    assert scene.verbs(made) == [
        "plan.proposed",
        "plan.approved",
        "plan.started",
        "action.done",
        "action.done",
        "plan.succeeded",
    ]
    assert scene.audit.verify() == 6


def test_the_audit_log_tells_what_would_happen_and_who_allowed_which_hash(scene: Scene) -> None:
    made = plan("restart")
    scene.gate.propose(made)
    scene.gate.approve(made.id, made.hash, "ann", "looks right")
    scene.gate.tick()

    proposed, started = scene.details(made, "plan.proposed"), scene.details(made, "plan.started")
    assert proposed["would"] == ["would restart disk:h1:/data"]
    assert proposed["hash"] == started["hash"] == scene.record(made).plan.hash
    assert (started["decision"]["by"], started["decision"]["plan_hash"]) == ("ann", made.hash)


def test_proposing_twice_is_proposing_once(scene: Scene) -> None:
    made = plan("restart")

    assert [scene.gate.propose(made), scene.gate.propose(made)] == [PlanState.WAITING, PlanState.WAITING]
    assert scene.verbs(made) == ["plan.proposed"]


def test_a_plan_with_an_unknown_action_is_refused_and_not_kept(scene: Scene) -> None:
    with pytest.raises(InputError, match=r"^action: must be one of clear_logs, promote, restart, got 'format_disk'$"):
        scene.gate.propose(plan("restart", "format_disk"))

    assert scene.gate.plan("pln-1") is None


def test_a_verification_by_a_finding_that_nobody_knows_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match=r"^plan pln-1: verification.findings: must name known findings, got 'fnd-0'"):
        scene.gate.propose(plan(findings=["fnd-0"]))


def test_a_change_of_the_world_becomes_a_change_in_the_stream(scene: Scene) -> None:
    def idle(action: object, key: str) -> ActionResult:
        return ActionResult(True, False, "nothing to do")

    scene.low.behave = idle
    made = plan("clear_logs", "restart")
    scene.gate.propose(made)
    scene.gate.approve(made.id, made.hash, "ann", "")
    scene.gate.tick()
    scene.run(made)

    (change,) = scene.changes.known
    assert (change.kind, change.entity, change.reference) == (ChangeKind.REMEDY, "disk:h1:/data", made.id)


def test_a_plan_without_actions_is_settled_by_its_findings_alone(scene: Scene) -> None:
    made = replace(plan("restart"), actions=())
    scene.gate.propose(made)
    scene.gate.tick()
    scene.run(made)

    assert scene.record(made).state is PlanState.SUCCEEDED


@pytest.mark.parametrize("question", ["approve", "reject", "step", "settle"])
def test_an_unknown_plan_is_named(scene: Scene, question: str) -> None:
    asked: dict[str, Callable[[], object]] = {
        "approve": lambda: scene.gate.approve("pln-0", "", "ann", ""),
        "reject": lambda: scene.gate.reject("pln-0", "ann", ""),
        "step": lambda: scene.gate.step("pln-0", 0),
        "settle": lambda: scene.gate.settle("pln-0"),
    }

    with pytest.raises(NotFoundError, match=r"^plan pln-0: is not known$"):
        asked[question]()


def test_who_cannot_take_in_the_end_does_not_undo_it(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise StoreError("the incident could not be saved")

    gate = scene.new_gate()
    gate.on_settled(broken)
    made = plan("restart")
    gate.propose(made)
    with caplog.at_level(logging.ERROR):
        gate.reject(made.id, "ann", "no")

    assert scene.record(made).state is PlanState.REJECTED
    assert "somebody could not take in that it is rejected" in caplog.text


def test_a_hundred_waiting_plans_do_not_hide_an_old_one(scene: Scene) -> None:
    oldest = plan("restart", id="pln-old")
    scene.gate.propose(oldest)
    scene.gate.approve(oldest.id, oldest.hash, "ann", "")
    scene.later(1)
    for number in range(130):
        scene.gate.propose(replace(plan("restart", id=f"pln-{number}"), proposed_at=scene.clock.now()))

    scene.gate.tick()

    assert scene.executor.started == [("pln-old", 1)]
