"""From a diagnosed incident to a plan at the gate, and back into the incident's story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.ops.remediate.cases import CAUSE, NOON, finding, incident, runbook
from tests.spine.scene import Changes, Executor
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.plan import PlanState
from wellkept.ops.remediate.actions.delete_old_logs import DeleteOldLogs
from wellkept.ops.remediate.actions.restart_service import RestartService
from wellkept.ops.remediate.actions.run_command import RunCommand
from wellkept.ops.remediate.base import Runbook
from wellkept.ops.remediate.stage import Remediate
from wellkept.spine.action import ActionHandler, Actions
from wellkept.spine.agents import AgentDoor
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.stream import Stream
from wellkept.store.state.state import State

HELLO = {
    "host_id": "h1",
    "host_name": "web-1",
    "directories": [{"path": "/data", "patterns": ["*.log.*"], "min_age_s": 3600}],
    "services": [{"name": "checkout", "namespace": "shop", "restartable": True}],
    "commands": ["flush"],
}


class Loop:
    """The remediate stage with a real gate, and an agent that declares a log directory."""

    def __init__(self, state: State, *runbooks: Runbook) -> None:
        self.clock = SettableClock(NOON)
        self.stream = Stream(state, Changes())
        self.agents = AgentDoor(state, self.clock)
        handlers: list[ActionHandler] = [action(self.agents) for action in (DeleteOldLogs, RestartService, RunCommand)]
        self.gate = Gate(
            state,
            self.stream,
            Audit(state),
            Actions({handler.name: handler for handler in handlers}),
            Policy(automatic_low=False),
            self.world,
            self.clock,
        )
        self.gate.attach(Executor())
        self.stage = Remediate(self.stream, self.gate, runbooks or (runbook(),))
        self.gate.on_settled(self.stage.settled)
        self.suspicion = finding()

    def world(self, key: str) -> str:
        found = self.stream.incident(key.removeprefix("incident:"))
        return "live" if found is not None and found.state.is_live else "over"

    def trouble(self, suspicion: Finding | None = None, entity: str | None = None) -> None:
        """An incident with a diagnosed cause."""
        suspicion = suspicion or self.suspicion
        self.stream.publish([suspicion], NOON)
        self.stream.save_incident(incident(suspicion))
        cause = replace(CAUSE, entity=entity or suspicion.entity)
        self.stream.save_diagnosis(Diagnosis("inc-1", NOON, "1", (cause,), "it is the disk"))

    def tick(self) -> None:
        self.stage.tick(self.clock.now())

    @property
    def incident(self) -> Incident:
        found = self.stream.incident("inc-1")
        assert found is not None
        return found

    @property
    def story(self) -> list[str]:
        return [entry.what for entry in self.incident.timeline]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = state_in(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def loop(state: State) -> Loop:
    made = Loop(state)
    made.agents.hello("h1", HELLO)
    made.trouble()
    return made


def test_a_plan_is_proposed_once_and_told(loop: Loop) -> None:
    for _ in range(3):
        loop.tick()

    (record,) = loop.gate.plans(subject="inc-1")
    assert record.plan.runbook == "clear"
    assert loop.story == ["plan proposed (waiting): Clear (/data)"]
    assert loop.incident.timeline[0].reference == record.plan.id


def test_the_gate_shows_what_would_be_deleted(loop: Loop) -> None:
    loop.tick()

    (record,) = loop.gate.plans(subject="inc-1")
    assert loop.gate.previews(record.plan) == [
        "on web-1: delete files *.log.* older than 3600 s below /data, keeping the newest 1"
    ]


def test_a_remedy_that_nobody_can_carry_out_is_noted_once(state: State) -> None:
    loop = Loop(state)
    loop.trouble()
    for _ in range(3):
        loop.tick()

    assert loop.gate.plans() == []
    assert loop.story == [
        "runbook clear does not apply: agent: none declares log directory /data (see the agent's configuration)"
    ]


def test_when_the_agent_comes_the_remedy_is_proposed(state: State) -> None:
    loop = Loop(state)
    loop.trouble()
    loop.tick()
    loop.agents.hello("h1", HELLO)
    loop.tick()

    assert loop.story[-1] == "plan proposed (waiting): Clear (/data)"


def test_the_next_runbook_is_taken_when_the_first_does_not_apply(state: State) -> None:
    by_command = runbook(name="a-first", actions=[{"action": "run_command", "arguments": {"command": "defragment"}}])
    loop = Loop(state, by_command, runbook(name="b-second"))
    loop.agents.hello("h1", HELLO)
    loop.trouble()
    loop.tick()

    (record,) = loop.gate.plans()
    assert record.plan.runbook == "b-second"
    assert [words.split(":")[0] for words in loop.story] == [
        "runbook a-first does not apply",
        "plan proposed (waiting)",
    ]


def test_a_runbook_that_does_not_fit_is_not_taken(state: State) -> None:
    loop = Loop(state, runbook(name="a", match={"entity": "service", "findings": ["forecast"]}), runbook(name="b"))
    loop.agents.hello("h1", HELLO)
    loop.trouble()
    loop.tick()

    assert [record.plan.runbook for record in loop.gate.plans()] == ["b"]


def test_a_placeholder_that_the_cause_does_not_have_is_a_reason_not_a_crash(state: State) -> None:
    book = runbook(
        match={"entity": "host", "findings": ["forecast"]},
        actions=[{"action": "delete_old_logs", "arguments": {"directory": "{mountpoint}"}}],
    )
    loop = Loop(state, book)
    loop.trouble(finding(entity="host:h1"))
    loop.tick()

    assert loop.story == [
        "runbook clear does not apply: runbook clear: {mountpoint}: has no value for this cause, got 'host:h1'"
    ]


def test_without_a_cause_nothing_is_proposed(loop: Loop) -> None:
    loop.stream.save_diagnosis(Diagnosis("inc-1", NOON, "1", (), "no cause found"))
    loop.tick()

    assert loop.gate.plans() == []
    assert loop.story == []


def test_an_incident_that_is_over_gets_no_plan(loop: Loop) -> None:
    loop.stream.save_incident(loop.incident.move(IncidentState.RESOLVED, NOON, "correlate", "quiet"))
    loop.tick()

    assert loop.gate.plans() == []


def approved(loop: Loop) -> str:
    loop.tick()
    (record,) = loop.gate.plans(subject="inc-1")
    loop.gate.approve(record.plan.id, record.plan.hash, "ann", "go")
    loop.gate.tick()
    return record.plan.id


def reported(loop: Loop, plan: str, **result: Any) -> None:
    """The agent's answer is there before it is asked for."""
    loop.agents._rows.enqueue("h1", f"{plan}:0", {}, NOON)
    loop.agents.report("h1", f"{plan}:0", {"ok": True, "changed": True, "sentence": "deleted 3 files", **result})


def test_a_verified_remedy_mitigates_the_incident(loop: Loop) -> None:
    plan = approved(loop)
    reported(loop, plan)
    loop.gate.step(plan, 0)
    loop.stream.close([loop.suspicion.fingerprint], NOON)
    assert loop.gate.settle(plan)

    assert loop.incident.state is IncidentState.MITIGATED
    assert loop.story[-2:] == [
        "plan succeeded: Clear (/data): recovered: forecast on /data ended",
        "mitigated: the remedy was verified",
    ]


def test_what_the_agent_reported_is_the_plans_result(loop: Loop) -> None:
    plan = approved(loop)
    reported(loop, plan)
    loop.gate.step(plan, 0)

    record = loop.gate.plan(plan)
    assert record is not None
    assert record.results[0].sentence == "deleted 3 files"


def test_the_outcome_is_told_although_the_incident_is_over_by_then(loop: Loop) -> None:
    plan = approved(loop)
    reported(loop, plan)
    loop.gate.step(plan, 0)
    loop.stream.close([loop.suspicion.fingerprint], NOON)
    loop.stream.save_incident(loop.incident.move(IncidentState.RESOLVED, NOON, "correlate", "quiet"))
    loop.gate.settle(plan)

    assert loop.incident.state is IncidentState.RESOLVED
    assert any(words.startswith("plan succeeded: ") for words in loop.story)


@pytest.mark.parametrize("ending", ["failed", "rejected"])
def test_after_a_failure_or_a_refusal_a_person_should_look(loop: Loop, ending: str) -> None:
    if ending == "failed":
        plan = approved(loop)
        reported(loop, plan, ok=False, sentence="permission denied")
        loop.gate.step(plan, 0)
        loop.gate.settle(plan)
    else:
        loop.tick()
        loop.gate.reject(loop.gate.plans()[0].plan.id, "ann", "no")
    loop.tick()

    assert len(loop.gate.plans()) == 1
    assert loop.incident.state is IncidentState.OPEN
    assert loop.story[-1].startswith(f"plan {ending}: Clear (/data): ")


def test_after_nobody_decided_in_time_another_plan_is_proposed(loop: Loop) -> None:
    loop.tick()
    loop.clock.advance(timedelta(days=2))
    loop.gate.tick()
    loop.tick()
    loop.tick()

    newest, oldest = loop.gate.plans(subject="inc-1")
    assert (newest.state, oldest.state) == (PlanState.WAITING, PlanState.EXPIRED)
    assert loop.story == [
        "plan proposed (waiting): Clear (/data)",
        "plan expired: Clear (/data): nobody decided within 86400 s",
        "plan proposed (waiting): Clear (/data)",
    ]


def test_the_outcome_of_a_plan_about_something_else_is_not_ours(loop: Loop) -> None:
    loop.tick()
    record = loop.gate.plans()[0]

    loop.stage.settled(replace(record, plan=replace(record.plan, subject="model:fraud")))

    assert len(loop.story) == 1


def test_where_people_are_at_work_nothing_is_proposed_until_they_are_done(loop: Loop) -> None:
    member = ("inc-1", loop.suspicion.id)
    loop.stream.hold_members([(*member, "maintenance: window patching is open until 14:00")])
    for _ in range(2):
        loop.tick()

    assert loop.gate.plans() == []
    assert loop.story == ["runbook clear is not proposed now: window patching is open until 14:00"]
    loop.stream.hold_members([(*member, "")])
    loop.tick()
    assert loop.story[-1] == "plan proposed (waiting): Clear (/data)"


def test_a_silence_is_about_telling_and_not_about_mending(loop: Loop) -> None:
    loop.stream.hold_members([("inc-1", loop.suspicion.id, "silenced: by ann, until tomorrow")])
    loop.tick()

    assert len(loop.gate.plans()) == 1
