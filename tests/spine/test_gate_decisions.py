"""Who may decide what, until when: every way in which an approval does not hold."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from tests.spine.scene import Scene, plan

from wellkept.kernel.errors import ConflictError
from wellkept.kernel.plan import Plan, PlanState, Risk

LIVE = {"incident:inc-1": "live"}


def waiting(scene: Scene, made: Plan) -> Plan:
    assert scene.gate.propose(made) is PlanState.WAITING
    return made


def approved(scene: Scene, made: Plan) -> Plan:
    scene.gate.approve(waiting(scene, made).id, made.hash, "ann", "fine")
    return made


def running(scene: Scene, made: Plan) -> Plan:
    approved(scene, made)
    scene.gate.tick()
    assert scene.record(made).state is PlanState.RUNNING
    return made


def test_an_approval_for_another_content_is_refused(scene: Scene) -> None:
    made = waiting(scene, plan())
    other = plan("restart", "restart")

    with pytest.raises(ConflictError, match=r"the approval is for another content \(hash\)"):
        scene.gate.approve(made.id, other.hash, "ann", "")

    assert scene.record(made).state is PlanState.WAITING
    assert scene.verbs(made) == ["plan.proposed"]


def test_a_second_approval_is_a_conflict(scene: Scene) -> None:
    made = approved(scene, plan())

    with pytest.raises(ConflictError, match=r"^plan pln-1: does not wait for a decision, got 'approved'$"):
        scene.gate.approve(made.id, made.hash, "bob", "")

    decision = scene.record(made).decision
    assert decision is not None
    assert decision.by == "ann"


def test_a_second_approval_does_not_void_what_runs_in_a_changed_world(scene: Scene) -> None:
    """The incident may be over by the time that somebody clicks again; the run is not to be cut off for it."""
    scene.world = LIVE | {}
    scene.gate = scene.new_gate()
    scene.gate.attach(scene.executor)
    made = running(scene, plan(world=LIVE))
    scene.world["incident:inc-1"] = "over"

    with pytest.raises(ConflictError, match=r"does not wait for a decision, got 'running'"):
        scene.gate.approve(made.id, made.hash, "bob", "")
    scene.gate.tick()

    assert scene.record(made).state is PlanState.RUNNING


def test_an_approval_that_comes_too_late_expires_the_plan(scene: Scene) -> None:
    made = waiting(scene, plan(expires_s=60))
    scene.later(61)

    with pytest.raises(ConflictError, match=r"^plan pln-1: has expired: nobody decided within 60 s$"):
        scene.gate.approve(made.id, made.hash, "ann", "")

    assert scene.record(made).state is PlanState.EXPIRED
    assert [record.state for record in scene.settled] == [PlanState.EXPIRED]


def test_what_nobody_decides_expires_by_itself(scene: Scene) -> None:
    made = waiting(scene, plan(expires_s=60))
    scene.later(60)
    scene.gate.tick()
    assert scene.record(made).state is PlanState.WAITING

    scene.later(1)
    scene.gate.tick()

    assert scene.record(made).state is PlanState.EXPIRED
    assert scene.verbs(made) == ["plan.proposed", "plan.expired"]


def test_an_approval_holds_only_until_its_end(scene: Scene) -> None:
    """The server was away for a day after the approval: what was right then is not done now."""
    made = approved(scene, plan(expires_s=60))
    scene.later(61)

    scene.gate.tick()

    record = scene.record(made)
    assert record.state is PlanState.EXPIRED
    assert record.sentence == "the approval held until 2026-11-02 12:01:00 UTC, and it was not started by then"
    assert scene.executor.started == []


def test_what_runs_does_not_expire(scene: Scene) -> None:
    made = running(scene, plan(expires_s=60))
    scene.later(600)
    scene.gate.tick()

    assert scene.record(made).state is PlanState.RUNNING


def test_a_rejected_plan_is_over(scene: Scene) -> None:
    made = waiting(scene, plan())

    decision = scene.gate.reject(made.id, "ann", "not today")

    assert not decision.approved
    assert scene.record(made).sentence == "rejected by ann: not today"
    assert [record.state for record in scene.settled] == [PlanState.REJECTED]
    with pytest.raises(ConflictError, match="does not wait for a decision, got 'rejected'"):
        scene.gate.approve(made.id, made.hash, "bob", "")
    with pytest.raises(ConflictError, match="does not wait for a decision, got 'rejected'"):
        scene.gate.reject(made.id, "bob", "")


@pytest.mark.parametrize("found", ["over", ""])
def test_a_changed_world_voids_an_approval(scene: Scene, found: str) -> None:
    scene.world.update(LIVE)
    made = waiting(scene, plan(world=LIVE))
    scene.world["incident:inc-1"] = found

    with pytest.raises(ConflictError, match=f"the world changed: incident:inc-1 was live, is {found or 'unset'}"):
        scene.gate.approve(made.id, made.hash, "ann", "")

    assert scene.record(made).state is PlanState.VOID


def test_a_world_that_changes_between_approval_and_start_voids_the_plan(scene: Scene) -> None:
    scene.world.update(LIVE)
    made = approved(scene, plan(world=LIVE))
    scene.world["incident:inc-1"] = "over"

    scene.gate.tick()

    assert scene.record(made).state is PlanState.VOID
    assert scene.executor.started == []
    assert scene.verbs(made) == ["plan.proposed", "plan.approved", "plan.void"]


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """The outcome of each call, all made in the same moment."""
    together = threading.Barrier(len(calls))
    outcomes: list[object] = [None] * len(calls)

    def call(index: int) -> None:
        together.wait()
        try:
            outcomes[index] = calls[index]()
        except ConflictError as conflict:
            outcomes[index] = conflict

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.parametrize("turn", range(5))
def test_of_several_who_decide_at_once_exactly_one_wins(scene: Scene, turn: int) -> None:
    made = waiting(scene, plan(id=f"pln-{turn}"))

    outcomes = at_once(
        [
            lambda: scene.gate.approve(made.id, made.hash, "ann", ""),
            lambda: scene.gate.approve(made.id, made.hash, "bob", ""),
            lambda: scene.gate.reject(made.id, "cleo", ""),
            lambda: scene.gate.approve(made.id, made.hash, "dan", ""),
        ]
    )

    assert sum(not isinstance(outcome, ConflictError) for outcome in outcomes) == 1
    assert len(scene.verbs(made)) == 2
    assert scene.audit.verify() == 2


def test_an_approved_plan_starts_once_however_many_look(scene: Scene) -> None:
    made = approved(scene, plan())

    at_once([scene.gate.tick] * 4)

    assert scene.executor.started == [(made.id, 1)]
    assert scene.verbs(made).count("plan.started") == 1


def test_an_expiry_does_not_overtake_an_approval(scene: Scene) -> None:
    """What was read as waiting may be decided by the time that it would expire."""
    made = waiting(scene, plan(expires_s=60))
    scene.later(61)
    stale = scene.record(made)
    scene.clock.set(stale.plan.proposed_at)
    scene.gate.approve(made.id, made.hash, "ann", "")
    scene.later(61)

    with pytest.raises(ConflictError, match="has expired"):
        scene.gate._expire(stale)

    assert scene.record(made).state is PlanState.APPROVED


@pytest.mark.parametrize("risk", Risk)
def test_a_person_may_allow_any_risk(scene: Scene, risk: Risk) -> None:
    scene.gate = scene.new_gate()
    made = plan("promote", risk=risk)

    approved(scene, made)

    assert scene.record(made).state is PlanState.APPROVED
