"""Plans: a change of state is a compare-and-set, so that of two callers one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.store.telemetry.scenes import at

from wellkept.kernel.plan import Action, ActionResult, Decision, Plan, PlanState, Risk, Verification
from wellkept.store.state.plans import PlanRows
from wellkept.store.state.state import State


@pytest.fixture
def rows(state: State) -> PlanRows:
    return PlanRows(state)


def plan(name: str = "plan-1", subject: str = "inc-1", proposed: float = 0) -> Plan:
    return Plan(
        id=name,
        subject=subject,
        title="Restart it",
        reason="it leaks",
        risk=Risk.MEDIUM,
        actions=(Action("restart_service", "service:shop", {"grace_s": 5, "names": ["a"]}, "nothing"),),
        verification=Verification(("fp-1",), 60.0, "the finding ends"),
        proposed_at=at(proposed),
        proposed_by="remediate",
        world={"incident:inc-1": "live"},
    )


def test_a_plan_comes_back_whole(rows: PlanRows) -> None:
    assert rows.add(plan(), PlanState.WAITING, "waits for a person")
    record = rows.get("plan-1")
    assert record is not None
    assert (record.plan, record.plan.hash, record.state) == (plan(), plan().hash, PlanState.WAITING)
    assert (record.sentence, record.updated_at, record.decision, record.results) == (
        "waits for a person",
        at(0),
        None,
        (),
    )
    assert rows.get("unknown") is None


def test_a_plan_is_added_once(rows: PlanRows) -> None:
    assert rows.add(plan(), PlanState.WAITING, "first")
    assert not rows.add(replace(plan(), title="another"), PlanState.APPROVED, "second")
    record = rows.get("plan-1")
    assert record is not None
    assert (record.plan.title, record.state, record.sentence) == ("Restart it", PlanState.WAITING, "first")


def test_a_move_needs_the_state_that_it_is_allowed_from(rows: PlanRows) -> None:
    rows.add(plan(), PlanState.WAITING, "")
    decision = Decision("plan-1", plan().hash, True, "ana", at(5), "fine", at(5) + timedelta(hours=1))
    assert rows.move("plan-1", [PlanState.WAITING], PlanState.APPROVED, at(5), "approved", decision=decision)
    assert not rows.move("plan-1", [PlanState.WAITING], PlanState.REJECTED, at(6), "rejected")
    assert not rows.move("plan-1", [], PlanState.REJECTED, at(6), "rejected")
    assert not rows.move("unknown", [PlanState.WAITING], PlanState.APPROVED, at(6), "")
    assert rows.move("plan-1", [PlanState.WAITING, PlanState.APPROVED], PlanState.RUNNING, at(7), "runs")
    record = rows.get("plan-1")
    assert record is not None
    assert (record.state, record.sentence, record.updated_at, record.decision) == (
        PlanState.RUNNING,
        "runs",
        at(7),
        decision,
    )


def test_of_many_who_decide_at_once_one_wins(rows: PlanRows) -> None:
    rows.add(plan(), PlanState.WAITING, "")
    outcomes = [PlanState.APPROVED, PlanState.REJECTED] * 8
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda to: rows.move("plan-1", [PlanState.WAITING], to, at(1), str(to)), outcomes))
    assert won.count(True) == 1
    record = rows.get("plan-1")
    assert record is not None
    assert record.state is outcomes[won.index(True)]


def test_results_are_kept_in_order(rows: PlanRows) -> None:
    rows.add(plan(), PlanState.RUNNING, "")
    results = [ActionResult(True, True, "stopped", {"pid": 7}), ActionResult(False, False, "did not start")]
    rows.save_results("plan-1", results)
    record = rows.get("plan-1")
    assert record is not None
    assert record.results == tuple(results)


def test_plans_by_subject_and_state_newest_first(rows: PlanRows) -> None:
    for number, (subject, state) in enumerate(
        [("a", PlanState.WAITING), ("a", PlanState.FAILED), ("b", PlanState.WAITING), ("a", PlanState.WAITING)]
    ):
        rows.add(plan(f"plan-{number}", subject, number), state, "")

    def names(subject: str | None = None, states: list[PlanState] | None = None, limit: int = 10) -> list[str]:
        return [record.plan.id for record in rows.recent(subject, states, limit)]

    assert names() == ["plan-3", "plan-2", "plan-1", "plan-0"]
    assert names("a") == ["plan-3", "plan-1", "plan-0"]
    assert names(states=[PlanState.WAITING]) == ["plan-3", "plan-2", "plan-0"]
    assert names("a", [PlanState.FAILED]) == ["plan-1"]
    assert names(states=[]) == []
    assert names(limit=1) == ["plan-3"]
