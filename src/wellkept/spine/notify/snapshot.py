"""What is to be told about one thing: its state at one moment, small enough for any channel.

Messages are made from snapshots, and two snapshots that read alike have the same key. That is how a channel that was
away gets the newest state once, and not everything that happened meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.noise import sentence_of
from wellkept.kernel.story import StoryKind
from wellkept.store.state.audit import AuditEntry
from wellkept.store.state.plans import PlanRecord

MOST_ENTITIES, MOST_LINES, LONGEST = 10, 10, 300
DIGEST = "digest:"
"""Begins the subject of a digest."""


class Phase(StrEnum):
    """How far a thing is, as far as people who are told must know."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    OVER = "over"
    SAID = "said"
    """Something that happened and has no life: it is told once."""


_PHASES = {
    IncidentState.OPEN: Phase.OPEN,
    IncidentState.ACKNOWLEDGED: Phase.ACKNOWLEDGED,
    IncidentState.MITIGATED: Phase.MITIGATED,
    IncidentState.RESOLVED: Phase.OVER,
    IncidentState.CLOSED: Phase.OVER,
}
ORDER = (Phase.OPEN, Phase.ACKNOWLEDGED, Phase.MITIGATED, Phase.SAID, Phase.OVER)
_HELD = "held"
_NAMES = (*(phase.value for phase in ORDER[:-1]), _HELD, Phase.OVER.value)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One thing at one moment. ``version`` grows with every change of it; ``path`` is its page."""

    subject: str
    event: str
    version: int
    phase: Phase
    severity: Severity
    title: str
    at: datetime
    path: str
    sentence: str = ""
    entities: tuple[str, ...] = ()
    entity_count: int = 0
    finding_count: int = 0
    owner: str = ""
    assignee: str = ""
    by: str = ""
    """Who acknowledged, or decided."""
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    ticket: str = ""
    reopens: str = ""
    merged_into: str = ""
    attended_at: datetime | None = None
    """When somebody last took it on: acknowledged it, or changed who works on it."""
    lines: tuple[str, ...] = ()
    """Of a digest, the things in it."""
    held: str = ""
    """Why it is not told for now, and until when."""

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    @property
    def is_digest(self) -> bool:
        """Whether it is many things as one, ``entity_count`` of them; nothing else tells of one that is new in it."""
        return self.subject.startswith(DIGEST)

    def key(self, *, whole: bool, turn: int) -> str:
        """The same for all snapshots that need no new message.

        Args:
            whole: whether what is small matters too: for channels where a message is edited.
            turn: how often people were told without anything being new (a reminder, an escalation).
        """
        count = self.entity_count if self.is_digest else self.entity_count.bit_length()
        parts = [self.phase, str(int(self.severity)), str(count), str(turn)]
        if whole:
            small = (self.title, self.owner, self.assignee, self.by, self.ticket, *self.entities, *self.lines)
            parts += [str(self.finding_count), str(self.entity_count), *small, *filter(None, [self.held])]
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def of_incident(incident: Incident, version: int) -> Snapshot:
    """An incident at a revision."""
    entities = incident.entities
    return Snapshot(
        subject=f"incident:{incident.id}",
        event="incident",
        version=version,
        phase=_PHASES[incident.state],
        severity=incident.severity,
        title=incident.title[:LONGEST],
        at=incident.updated_at,
        path=f"/incidents/{incident.id}",
        sentence=incident.severity_why[:LONGEST],
        entities=entities[:MOST_ENTITIES],
        entity_count=len(entities),
        finding_count=incident.count,
        owner=incident.owner,
        assignee=incident.assignee,
        by=_acknowledged_by(incident),
        opened_at=incident.opened_at,
        ended_at=incident.resolved_at,
        ticket=incident.ticket,
        reopens=incident.reopens,
        merged_into=incident.merged_into,
        attended_at=max((at for at in (incident.acknowledged_at, incident.touched_at) if at is not None), default=None),
        held=sentence_of(incident.held)[:LONGEST] if incident.state.is_live else "",
    )


def of_plan(record: PlanRecord, *, is_waiting: bool, severity: Severity) -> Snapshot:
    """A plan that waits for a decision, or the decision."""
    plan, decision = record.plan, record.decision
    targets = tuple(dict.fromkeys(action.target for action in plan.actions))
    said = decision.why if decision is not None and not is_waiting else plan.reason
    return Snapshot(
        subject=f"approval:{plan.id}",
        event="approval",
        version=int(record.updated_at.timestamp() * 1e6),
        phase=Phase.OPEN if is_waiting else Phase.OVER,
        severity=severity,
        title=f"approval wanted: {plan.title}"[:LONGEST],
        at=record.updated_at,
        path=f"/approvals#{plan.id}",
        sentence=(said if is_waiting else f"{record.state.value}: {said}")[:LONGEST],
        entities=targets[:MOST_ENTITIES],
        entity_count=len(targets),
        by=decision.by if decision is not None and not is_waiting else "",
        opened_at=plan.proposed_at,
        ended_at=None if is_waiting else record.updated_at,
        lines=tuple(f"{action.name} on {action.target}" for action in plan.actions[:MOST_LINES]) if is_waiting else (),
    )


def of_entry(entry: AuditEntry, event: str, severity: Severity) -> Snapshot:
    """Something that happened once, as the audit log has it."""
    details = entry.details
    words = next(
        (str(details[key]) for key in ("sentence", "title", "why", "reason", "summary") if details.get(key)), ""
    )
    return Snapshot(
        subject=f"{event}:{entry.number}",
        event=event,
        version=entry.number,
        phase=Phase.SAID,
        severity=severity,
        title=f"{entry.verb.replace('.', ' ').replace('_', ' ')}: {entry.subject}"[:LONGEST],
        at=entry.at,
        path=f"/audit?subject={entry.subject}",
        sentence=words[:LONGEST],
        entities=(entry.subject,) if ":" in entry.subject else (),
        entity_count=int(":" in entry.subject),
        by=entry.actor,
        opened_at=entry.at,
    )


def digest_of(subject: str, group: str, members: Sequence[Snapshot]) -> Snapshot:
    """Many things as one: the worst severity, how many are in which phase, and the worst of them by name.

    What is held in it is open or not as far as nobody is told of it; where all is that goes on, the digest is held.
    """
    live = [member for member in members if not member.is_over]
    loud = [member for member in live if not member.held]
    phases = [_HELD if member.held else member.phase.value for member in members]
    phase = min((member.phase for member in loud or live or members), key=ORDER.index)
    reasons = list(dict.fromkeys(member.held for member in live if member.held))
    is_said = not loud and len(reasons) == 1  # of all in one sentence
    shown = sorted(
        live or members, key=lambda member: (-int(member.severity), member.opened_at or member.at, member.subject)
    )
    counts = ", ".join(f"{phases.count(name)} {name}" for name in _NAMES if name in phases)
    entities = tuple(dict.fromkeys(entity for member in shown for entity in member.entities))
    more = len(shown) - MOST_LINES
    lines = [_line(member, with_hold=not is_said) for member in shown[:MOST_LINES]]
    return Snapshot(
        subject=subject,
        event=members[0].event,
        version=max(member.version for member in members),
        phase=phase,
        severity=max(member.severity for member in (live or members)),
        title=f"{len(members)} incident{'' if len(members) == 1 else 's'} ({counts})" + (f", {group}" if group else ""),
        at=max(member.at for member in members),
        path="/incidents",
        entities=entities[:MOST_ENTITIES],
        entity_count=len(members),
        finding_count=sum(member.finding_count for member in members),
        opened_at=min((member.opened_at or member.at) for member in members),
        ended_at=None if live else max((member.ended_at or member.at) for member in members),
        lines=(*lines, f"and {more} more") if more > 0 else tuple(lines),
        held="" if loud else "; ".join(reasons)[:LONGEST],
    )


def _line(member: Snapshot, *, with_hold: bool) -> str:
    hold = f" (held: {member.held})" if member.held and with_hold else ""
    return f"{member.severity.name.lower()}: {member.title}{hold}"


def _acknowledged_by(incident: Incident) -> str:
    """Who acknowledged it last; empty where nobody did."""
    word = f"{IncidentState.ACKNOWLEDGED}: "
    moves = (entry for entry in reversed(incident.timeline) if entry.kind is StoryKind.STATE)
    return next((entry.actor for entry in moves if entry.what.startswith(word)), "")
