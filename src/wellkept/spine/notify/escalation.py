"""Escalation: who else is told when nobody acknowledges.

It begins when a thing is first to be told, stops when somebody takes it on (acknowledges, mitigates, is assigned), and
begins anew when it gets worse or is open again. How far it is stands in the store, so a restart takes no step twice and
leaves none out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wellkept.spine.notify.settings import EscalationStep, Policy
from wellkept.spine.notify.snapshot import Phase, Snapshot
from wellkept.store.state.tellings import Escalation

DONE = "all steps were taken"


def escalated(
    current: Escalation | None, snapshot: Snapshot, policy: Policy | None, route: str, now: datetime, *, held: bool
) -> Escalation | None:
    """The escalation after a change; None where there is none, and the current one where nothing changes it.

    Args:
        current: how far it was.
        snapshot: the thing as it is now.
        policy: that of its route; None for none.
        route: the name of that route.
        now: the moment.
        held: whether nobody is to be told.
    """
    phase, severity = snapshot.phase, int(snapshot.severity)
    if current is None:
        begins = policy is not None and phase is Phase.OPEN and not held
        return _begun(snapshot, policy, route, now, "") if begins and policy is not None else None
    known = policy or Policy.model_construct(name=current.policy, steps=())
    if snapshot.is_over or held:
        return _stopped(current, snapshot, "it is over" if snapshot.is_over else "nobody is told of it for now")
    if severity > current.severity and known.steps:
        return _begun(snapshot, known, route, now, "it got worse")
    opened_again = phase is Phase.OPEN and current.phase != Phase.OPEN
    if (opened_again or _was_held(current)) and known.steps:
        return _begun(snapshot, known, route, now, "it is open again" if opened_again else "it is told again")
    attended = snapshot.attended_at is not None and snapshot.attended_at > current.started_at
    if attended or (phase is not Phase.OPEN and current.phase == Phase.OPEN):
        by = f" by {snapshot.by}" if snapshot.by else ""
        return _stopped(current, snapshot, f"{phase.value}{by}")
    return current if phase == current.phase else replace(current, phase=phase.value)


def stepped(current: Escalation, steps: Sequence[EscalationStep]) -> Escalation:
    """The escalation after its present step was taken."""
    step = current.step + 1
    if step >= len(steps):
        return replace(current, step=step, due_at=None, why=DONE)
    return replace(current, step=step, due_at=current.started_at + timedelta(seconds=steps[step].after_s))


def word_of(current: Escalation, now: datetime) -> str:
    """Why somebody is told by an escalation."""
    minutes = (now - current.started_at).total_seconds() / 60
    since = f" since {current.why}" if current.why else ""
    step = f"escalation {current.policy}, step {current.step + 1}"
    return f"Nobody has acknowledged this for {minutes:.0f} min{since} ({step})."


def _begun(snapshot: Snapshot, policy: Policy, route: str, now: datetime, why: str) -> Escalation:
    due = now + timedelta(seconds=policy.steps[0].after_s)
    return Escalation(
        snapshot.subject, policy.name, route, 0, now, due, snapshot.phase.value, int(snapshot.severity), why
    )


def _stopped(current: Escalation, snapshot: Snapshot, why: str) -> Escalation:
    if current.due_at is None and current.phase == snapshot.phase and not _was_held(current):
        return current
    return replace(current, due_at=None, phase=snapshot.phase.value, why=why)


def _was_held(current: Escalation) -> bool:
    return current.why == "nobody is told of it for now"
