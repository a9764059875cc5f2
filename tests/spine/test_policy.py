"""What may run without a person, and what never does."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.scene import Scene, open_scene, plan

from wellkept.kernel.plan import PlanState, Risk
from wellkept.spine.policy import Policy

NAMES = ("clear_logs", "restart", "promote")
POLICIES = st.builds(Policy, st.booleans(), st.frozensets(st.sampled_from(NAMES)))


@given(POLICIES, st.lists(st.sampled_from(NAMES), max_size=3))
def test_high_risk_never_runs_by_itself_whatever_the_policy_says(policy: Policy, names: list[str]) -> None:
    allowed, why = policy.allows(plan(*names, risk=Risk.HIGH), Risk.HIGH)

    assert not allowed
    assert why == "high risk waits for a person"


@given(POLICIES, st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_medium_risk_needs_every_action_on_the_list(policy: Policy, names: list[str]) -> None:
    allowed, _ = policy.allows(plan(*names), Risk.MEDIUM)

    assert allowed == (set(names) <= policy.automatic_actions)


@pytest.mark.parametrize("automatic", [True, False])
def test_low_risk_runs_by_itself_unless_the_policy_forbids_it(automatic: bool) -> None:
    allowed, why = Policy(automatic_low=automatic).allows(plan("clear_logs"), Risk.LOW)

    assert allowed is automatic
    assert why


def test_at_the_gate_low_risk_is_decided_at_once(scene: Scene) -> None:
    made = plan("clear_logs")

    assert scene.gate.propose(made) is PlanState.APPROVED

    decision = scene.record(made).decision
    assert decision is not None
    assert (decision.by, decision.why, decision.plan_hash) == ("policy", "low risk may run by itself", made.hash)
    assert scene.verbs(made) == ["plan.proposed", "plan.approved"]


@pytest.mark.parametrize(("names", "said"), [(("promote",), Risk.LOW), (("clear_logs", "promote"), Risk.MEDIUM)])
def test_a_plan_that_plays_its_risk_down_is_taken_at_its_actions_risk(
    tmp_path: Path, names: tuple[str, ...], said: Risk
) -> None:
    everything = Policy(automatic_low=True, automatic_actions=frozenset(NAMES))
    scene = open_scene(tmp_path, everything)
    made = plan(*names, risk=said)

    assert scene.gate.propose(made) is PlanState.WAITING
    assert scene.record(made).sentence == "high risk waits for a person"
    scene.gate.tick()
    assert scene.executor.started == []
    scene.state.close()


def test_a_plan_may_say_more_risk_than_its_actions_have(scene: Scene) -> None:
    assert scene.gate.propose(plan("clear_logs", risk=Risk.HIGH)) is PlanState.WAITING


def test_a_plan_that_may_run_by_itself_is_kept_with_its_decision_or_not_at_all(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash right after it was kept must not leave it waiting for a person whom nobody wakes."""
    noted = scene.audit.append

    def cut_off(at: datetime, actor: str, verb: str, *more: Any) -> None:
        if verb == "plan.approved":
            raise KeyboardInterrupt
        noted(at, actor, verb, *more)

    monkeypatch.setattr(scene.audit, "append", cut_off)
    made = plan("clear_logs")
    with pytest.raises(KeyboardInterrupt):
        scene.gate.propose(made)
    monkeypatch.undo()

    scene.gate.tick()

    assert scene.executor.started == [(made.id, 1)]
    assert scene.verbs(made) == ["plan.proposed", "plan.started"]
    assert scene.details(made, "plan.started")["decision"]["by"] == "policy"
