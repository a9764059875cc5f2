"""Waiting, deciding and judging: what acts have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from tests.demo.stage import Answers, Recorder

from wellkept.demo.acts import base
from wellkept.demo.acts.base import Scene
from wellkept.demo.acts.remedy import decide, wait_closed, wait_done, wait_plan
from wellkept.demo.acts.shift import Shift
from wellkept.demo.layout import Layout
from wellkept.demo.observer import Observer, now
from wellkept.demo.outcome import ActError
from wellkept.kernel.errors import ConflictError
from wellkept.sdk.client import Client

NOTHING: dict[str, list[Any]] = {"incidents": [{"incidents": []}], "findings": [{"findings": []}]}
HASH = "sha256:1"
WAITING = {"state": "waiting", "hash": HASH, "sentence": "", "decision": None, "plan": {"title": "Restart checkout"}}


def approved(by: str, plan_hash: str = HASH) -> dict[str, Any]:
    return {**WAITING, "state": "approved", "decision": {"approved": True, "by": by, "plan_hash": plan_hash}}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "LOOK_EVERY_S", 0.001)


def scene(
    layout: Layout, answers: dict[str, list[Any]] | None = None, *, by_hand: bool = False
) -> tuple[Scene, Answers, Recorder]:
    client, screen = Answers(**NOTHING, **(answers or {})), Recorder()
    observer = Observer(cast("Client", client), screen.away)
    return Scene(layout, observer, screen, by_hand, now()), client, screen


def test_what_is_not_there_in_time_is_told_with_what_the_platform_said(layout: Layout) -> None:
    stage, _, screen = scene(layout)
    with pytest.raises(ActError, match=r"expected a forecast, within 0 s; the platform said: nothing"):
        stage.wait("a forecast", lambda: None, 0.02)
    assert ("step", "a forecast") in screen.said


def test_the_time_without_the_server_does_not_count(layout: Layout) -> None:
    stage, _, _ = scene(layout)
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        stage.observer.away_s += 1000.0 if looks == 1 else 0.0
        return looks > 20

    assert stage.wait("something", look, 0.001)


def test_the_demo_approves_exactly_what_it_read(layout: Layout) -> None:
    stage, client, _ = scene(layout, {"plans_pln-1": [WAITING], "plans_pln-1_approve": [{}]})
    decide(stage, "pln-1")
    ((path, opinion),) = client.posted
    assert path == "/api/v1/plans/pln-1/approve"
    assert (opinion["hash"], opinion["by"]) == (HASH, "demo")


def test_an_approval_that_was_taken_before_the_server_went_away_holds(layout: Layout) -> None:
    conflict = ConflictError("plan pln-1", "does not wait for a decision")
    stage, _, _ = scene(layout, {"plans_pln-1": [WAITING, approved("demo")], "plans_pln-1_approve": [conflict]})
    decide(stage, "pln-1")
    for other in (approved("demo", "sha256:2"), WAITING):
        stage, _, _ = scene(layout, {"plans_pln-1": [WAITING, other], "plans_pln-1_approve": [conflict]})
        with pytest.raises(ConflictError):
            decide(stage, "pln-1")


def test_by_hand_nothing_is_approved_but_waited_for(layout: Layout) -> None:
    stage, client, screen = scene(
        layout, by_hand=True, answers={"plans_pln-1": [WAITING, WAITING, WAITING, approved("ada")]}
    )
    decide(stage, "pln-1")
    assert client.posted == []
    told = "\n".join(text for kind, text in screen.said if kind == "note")
    assert f"wellkept approve pln-1 --data {layout.folder / 'data'}" in told
    assert f"{layout.address}/approvals" in told


def test_a_plan_that_does_not_wait_cannot_be_decided(layout: Layout) -> None:
    stage, _, _ = scene(layout, {"plans_pln-1": [{**WAITING, "state": "void", "sentence": "the world changed"}]})
    with pytest.raises(ActError, match="void: the world changed"):
        decide(stage, "pln-1")


@pytest.mark.parametrize("state", ["failed", "rejected", "expired", "void"])
def test_a_plan_that_ends_otherwise_fails_the_act_at_once(layout: Layout, state: str) -> None:
    stage, _, _ = scene(layout, {"plans_pln-1": [{**WAITING, "state": state, "sentence": "because"}]})
    with pytest.raises(ActError, match=f"{state}: because"):
        wait_done(stage, "pln-1", 60)


def test_plans_of_acts_before_do_not_count(layout: Layout) -> None:
    stage, _, _ = scene(layout)
    old, new = (stage.since + timedelta(seconds=s) for s in (-5, 5))
    action = {"actions": [{"name": "restart_service"}]}
    plans = [{"id": i, "plan": {**action, "proposed_at": at.isoformat()}} for i, at in (("new", new), ("old", old))]
    stage, _, _ = scene(layout, {"plans": [{"plans": plans[1:]}, {"plans": plans}]})
    assert wait_plan(stage, "inc-1", "restart_service", 60)["id"] == "new"


def test_an_incident_is_waited_for_until_its_ticket_is_closed(layout: Layout) -> None:
    states = [{"incident": {"state": state}} for state in ("open", "mitigated", "resolved", "closed")]
    stage, _, _ = scene(layout, {"incidents_inc-1": states})
    assert wait_closed(stage, "inc-1", 60)["incident"]["state"] == "closed"


def retrained(layout: Layout, excluded: list[list[str]], state: str = "passed") -> tuple[Scene, dict[str, Any]]:
    digest, checks = "sha256:2", [{"sentence": "average_precision 0.9 against the champion's 0.1"}]
    version = {"digest": digest, "state": state, "gate": {"checks": checks}, "lineage": {"excluded": str(excluded)}}
    stage, _, _ = scene(layout, {"models_fraud": [{"versions": [version]}]})
    stage.outage = (stage.since - timedelta(seconds=60), stage.since - timedelta(seconds=30))
    result = {"sentence": "version 2 was trained", "details": {"digest": digest}}
    return stage, {"results": [result], "plan": {"actions": [{"arguments": {"excluded": excluded}}]}}


def test_a_retrain_must_have_left_out_the_outage(layout: Layout) -> None:
    stage, _ = retrained(layout, [])
    first, last = (stage.since - timedelta(seconds=s) for s in (70, 20))
    stage, plan = retrained(layout, [[first.isoformat(), last.isoformat()]])
    assert Shift().challenger(stage, plan)["digest"] == "sha256:2"
    for excluded in ([], [[(last + timedelta(seconds=1)).isoformat(), stage.since.isoformat()]]):
        stage, plan = retrained(layout, excluded)
        with pytest.raises(ActError, match="outage of the act before"):
            Shift().challenger(stage, plan)


def test_a_challenger_that_was_refused_fails_the_act_with_the_gates_words(layout: Layout) -> None:
    stage, plan = retrained(layout, [], "refused")
    with pytest.raises(ActError, match=r"0\.9 against the champion's 0\.1"):
        Shift().challenger(stage, plan)
