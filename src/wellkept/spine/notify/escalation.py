"""Escalation: who else is told when nobody acknowledges. A thing has one for each policy that its routes name.

It begins when a thing is first to be told, stops when somebody takes it on (acknowledges, mitigates, is assigned), and
begins anew when it gets worse or is open again. How far it is stands in the store, so a restart takes no step twice and
leaves none out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wellkept.spine.notify.settings import EscalationStep, Policy
from wellkept.spine.notify.snapshot import Phase, Snapshot
from wellkept.store.state.tellings import Escalation

DONE = "all steps were taken"


def escalated(
    known: Sequence[Escalation],
    snapshot: Snapshot,
    asked: Mapping[str, str],
    policy_of: Callable[[str], Policy | None],
    now: datetime,
    *,
    held: bool,
    is_worse: bool,
) -> list[Escalation]:
    """The escalations of a thing after a change.

    Args:
        known: how far those that it has were.
        snapshot: the thing as it is now.
        asked: policy to the route that names it, of the routes that take it; empty where they were not asked anew.
        policy_of: the policy of a name.
        now: the moment.
        held: whether nobody is to be told.
        is_worse: whether it has got worse by this very change.
    """
    found, names = list[Escalation](), {one.policy for one in known}
    for current in known:
        is_left = bool(asked) and current.policy not in asked
        route = asked.get(current.policy, current.route)
        found.append(_after(current, snapshot, None if is_left else policy_of(current.policy), route, now, held=held))
    is_untaken = snapshot.phase is Phase.OPEN or is_worse or any(one.due_at is not None for one in found)
    if is_untaken and not snapshot.is_over and not held:
        new = [(policy_of(name), route) for name, route in asked.items() if name not in names]
        found += [_begun(snapshot, policy, route, now, "") for policy, route in new if policy is not None]
    return found


def _after(
    current: Escalation, snapshot: Snapshot, policy: Policy | None, route: str, now: datetime, *, held: bool
) -> Escalation:
    """One after a change; the current one where nothing changes it. ``policy`` None: no route has it any more."""
    phase = snapshot.phase
    if snapshot.is_over or held:
        return _stopped(current, snapshot, "it is over" if snapshot.is_over else "nobody is told of it for now")
    opened_again = phase is Phase.OPEN and current.phase != Phase.OPEN
    anew = "it is open again" if opened_again else "it is told again" if _was_held(current) else ""
    anew = "it got worse" if int(snapshot.severity) > current.severity else anew
    if anew and policy is None:
        return _stopped(current, snapshot, "no route of it has this escalation any more")
    if anew and policy is not None:
        return _begun(snapshot, policy, route, now, anew)
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


def is_told(storm: Escalation, current: Escalation) -> bool:
    """Whether the step of one thing in a digest was taken with another one's: it began before that was told."""
    return storm.step > current.step and current.started_at <= storm.started_at


def told_together(subject: str, current: Escalation, before: Escalation | None, now: datetime) -> Escalation:
    """How far the escalation of a digest is, by the step of one thing in it that is taken now, for all of them."""
    step = max(current.step + 1, before.step if before is not None else 0)
    return replace(current, subject=subject, step=step, started_at=now, due_at=None, why=DONE)


def word_of(current: Escalation, now: datetime) -> str:
    """Why somebody is told by an escalation."""
    seconds = (now - current.started_at).total_seconds()
    lasted = f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
    since = f" since {current.why}" if current.why else ""
    step = f"escalation {current.policy}, step {current.step + 1}"
    return f"Nobody has acknowledged this for {lasted}{since} ({step})."


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
