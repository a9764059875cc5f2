"""A gate on a real state store, with handlers whose world is a list, and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.store.fixtures import state_in

from wellkept.kernel.change import Change
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk, Verification
from wellkept.spine.action import Actions
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.policy import Policy
from wellkept.spine.stream import Stream
from wellkept.store.state.plans import PlanRecord
from wellkept.store.state.state import State

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DISK = "disk:h1:/data"


class Changes:
    """Where changes go in these tests."""

    def __init__(self) -> None:
        self.known: list[Change] = []

    def write(self, changes: Sequence[Change]) -> None:
        self.known.extend(changes)

    def between(self, start: datetime, end: datetime) -> list[Change]:
        return [change for change in self.known if start <= change.at <= end]


class Handler:
    """Does what the test says, and notes the keys that it was asked under."""

    def __init__(self, name: str, risk: Risk, behave: Callable[[Action, str], ActionResult] | None = None) -> None:
        self.name, self.risk = name, risk
        self.keys: list[str] = []
        self.behave = behave or (lambda action, key: ActionResult(True, True, f"{name} done on {action.target}"))

    def preview(self, action: Action) -> str:
        return f"would {self.name} {action.target}"

    def run(self, action: Action, key: str) -> ActionResult:
        self.keys.append(key)
        return self.behave(action, key)


class Executor:
    """Notes what was started; :meth:`Scene.run` then does what the durable runs do."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []

    def start(self, plan: str, actions: int) -> None:
        self.started.append((plan, actions))


@dataclass
class Scene:
    """Everything around one gate."""

    state: State
    policy: Policy = field(default_factory=Policy)
    world: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = SettableClock(NOON)
        self.changes = Changes()
        self.stream = Stream(self.state, self.changes)
        self.audit = Audit(self.state)
        self.low, self.medium, self.high = (
            Handler("clear_logs", Risk.LOW),
            Handler("restart", Risk.MEDIUM),
            Handler("promote", Risk.HIGH),
        )
        self.executor = Executor()
        self.settled: list[PlanRecord] = []
        self.gate = self.new_gate()
        self.gate.attach(self.executor)

    def new_gate(self) -> Gate:
        """A gate of a process that has just started on the same store."""
        handlers = {handler.name: handler for handler in (self.low, self.medium, self.high)}
        look = self.world.get
        gate = Gate(
            self.state,
            self.stream,
            self.audit,
            Actions(handlers),
            self.policy,
            lambda key: look(key, ""),
            self.clock,
        )
        gate.on_settled(self.settled.append)
        return gate

    def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def suspect(self, signal: str = "system.filesystem.usage") -> Finding:
        """An open finding about the disk."""
        found = finding(signal)
        self.stream.publish([found], self.clock.now())
        return found

    def run(self, plan: Plan) -> None:
        """What the durable runs do with a started plan, up to the first look at its verification."""
        for index in range(len(plan.actions)):
            if not self.gate.step(plan.id, index)["ok"]:
                break
        self.gate.settle(plan.id)

    def record(self, plan: Plan) -> PlanRecord:
        record = self.gate.plan(plan.id)
        assert record is not None
        return record

    def verbs(self, plan: Plan) -> list[str]:
        """What the audit log says of a plan, oldest first."""
        return [entry.verb for entry in reversed(self.audit.entries(subject=plan.id))]

    def details(self, plan: Plan, verb: str) -> Mapping[str, Any]:
        return next(entry.details for entry in self.audit.entries(subject=plan.id) if entry.verb == verb)


def open_scene(folder: Path, policy: Policy | None = None) -> Scene:
    return Scene(state_in(folder / "state"), policy or Policy())


def finding(signal: str) -> Finding:
    return Finding(
        fingerprint=fingerprint("test", DISK, signal),
        detector="test",
        detector_version="1",
        entity=DISK,
        kind=FindingKind.FORECAST,
        severity=Severity.ERROR,
        score=0.9,
        score_meaning="of a test",
        starts_at=NOON,
        sentence=f"{signal} runs out",
    )


def plan(
    *names: str,
    id: str = "pln-1",  # noqa: A002 - the plan's own word
    risk: Risk = Risk.LOW,
    findings: Sequence[str] = (),
    world: Mapping[str, str] | None = None,
    expires_s: float = 3600.0,
    within_s: float = 120.0,
) -> Plan:
    return Plan(
        id=id,
        subject="inc-1",
        title="Do it",
        reason="it is needed",
        risk=risk,
        actions=tuple(Action(name, DISK) for name in names or ("restart",)),
        verification=Verification(tuple(findings), within_s, "the finding ended"),
        proposed_at=NOON,
        proposed_by="wellkept",
        world=world or {},
        expires_s=expires_s,
    )
