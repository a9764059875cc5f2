"""What an approval approves: the hash of a plan."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.values import JSON, values

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.plan import Action, Plan, PlanState, Risk, Verification

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
PLAN = Plan(
    id="pln-1",
    subject="inc-1",
    title="Clear old logs",
    reason="the disk fills",
    risk=Risk.LOW,
    actions=(Action("delete_old_logs", "disk:h1:/data", {"directory": "/data", "keep_newest": 1}, "gone is gone"),),
    verification=Verification(("fnd-1",), 120.0, "space is back"),
    proposed_at=NOON,
    proposed_by="wellkept",
    runbook="clear-old-logs",
    effect="space",
    world={"incident:inc-1": "live"},
    expires_s=3600.0,
)

OTHER: dict[str, Any] = {
    "id": "pln-2",
    "subject": "inc-2",
    "title": "Clear logs",
    "reason": "it is full",
    "risk": Risk.HIGH,
    "actions": (),
    "verification": Verification(),
    "proposed_at": NOON + timedelta(seconds=1),
    "proposed_by": "ann",
    "runbook": "",
    "effect": "more space",
    "world": {},
    "expires_s": 7200.0,
}
ACTION_OTHER: dict[str, Any] = {"name": "run_command", "target": "disk:h1:/", "arguments": {}, "undo": ""}
VERIFICATION_OTHER: dict[str, Any] = {"findings": ("fnd-2",), "within_s": 60.0, "sentence": ""}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Plan)])
def test_every_field_of_a_plan_is_in_its_hash(field: str) -> None:
    assert replace(PLAN, **{field: OTHER[field]}).hash != PLAN.hash


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Action)])
def test_every_field_of_an_action_is_in_the_hash(field: str) -> None:
    action = replace(PLAN.actions[0], **{field: ACTION_OTHER[field]})

    assert replace(PLAN, actions=(action,)).hash != PLAN.hash


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Verification)])
def test_every_field_of_the_verification_is_in_the_hash(field: str) -> None:
    verification = replace(PLAN.verification, **{field: VERIFICATION_OTHER[field]})

    assert replace(PLAN, verification=verification).hash != PLAN.hash


def test_the_order_of_actions_is_in_the_hash() -> None:
    first, second = PLAN.actions[0], Action("restart_service", "service:a")

    assert replace(PLAN, actions=(first, second)).hash != replace(PLAN, actions=(second, first)).hash


@given(st.dictionaries(st.text(max_size=8), JSON, min_size=2, max_size=6), st.randoms())
def test_the_order_of_keys_is_not(arguments: dict[str, Any], random: Any) -> None:
    keys = list(arguments)
    random.shuffle(keys)
    shuffled = {key: arguments[key] for key in keys}

    def plan(given: dict[str, Any]) -> Plan:
        return replace(PLAN, actions=(Action("run_command", "host:h1", given),), world=dict.fromkeys(given, ""))

    assert plan(shuffled).hash == plan(arguments).hash


@given(values(Plan))
def test_the_hash_is_the_same_after_the_store(plan: Plan) -> None:
    stored = decode(Plan, json.loads(json.dumps(encode(plan))))

    assert stored.hash == plan.hash


def test_whole_seconds_hash_like_what_they_become_in_the_store() -> None:
    whole = replace(PLAN, verification=Verification(("fnd-1",), 120, "space is back"), expires_s=3600)

    assert whole.hash == PLAN.hash


def test_the_hash_is_what_it_was_in_the_release_before() -> None:
    """An approval that waits through an upgrade must still fit. Change this only with a migration."""
    assert PLAN.hash == "6aa9a25373321aea774c75d9f090ed53d50c6e9eebf909280d033eecb12add1b"


def test_final_states_are_those_that_nothing_leaves() -> None:
    final = [state for state in PlanState if state.is_final]

    assert final == [
        PlanState.SUCCEEDED,
        PlanState.FAILED,
        PlanState.REJECTED,
        PlanState.EXPIRED,
        PlanState.VOID,
    ]
