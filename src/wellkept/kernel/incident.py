"""An incident and its life: open, acknowledged, mitigated, resolved, closed.

A resolved incident never swallows new findings: trouble that comes back opens a new one that points back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from wellkept.kernel.errors import ConflictError
from wellkept.kernel.finding import Severity


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_live(self) -> bool:
        """Whether new findings may still join."""
        return self in (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.MITIGATED)


_NEXT: dict[IncidentState, frozenset[IncidentState]] = {
    IncidentState.OPEN: frozenset({IncidentState.ACKNOWLEDGED, IncidentState.MITIGATED, IncidentState.RESOLVED}),
    IncidentState.ACKNOWLEDGED: frozenset({IncidentState.MITIGATED, IncidentState.RESOLVED}),
    IncidentState.MITIGATED: frozenset({IncidentState.OPEN, IncidentState.RESOLVED}),
    IncidentState.RESOLVED: frozenset({IncidentState.CLOSED}),
    IncidentState.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Member:
    """A finding in an incident, and why it was put there."""

    finding: str
    entity: str
    joined_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of an incident's story."""

    at: datetime
    actor: str
    what: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """A group of findings that are one problem."""

    id: str
    title: str
    state: IncidentState
    severity: Severity
    opened_at: datetime
    updated_at: datetime
    members: tuple[Member, ...]
    timeline: tuple[TimelineEntry, ...] = ()
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    reopens: str = ""
    ticket: str = ""

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities of the members, in the order in which they joined."""
        return tuple(dict.fromkeys(member.entity for member in self.members))

    def note(self, at: datetime, actor: str, what: str, reference: str = "") -> Incident:
        """The same incident with one more line in its story."""
        entry = TimelineEntry(at, actor, what, reference)
        return replace(self, timeline=(*self.timeline, entry), updated_at=max(self.updated_at, at))

    def move(self, to: IncidentState, at: datetime, actor: str, why: str) -> Incident:
        """The incident in its next state.

        Raises:
            ConflictError: the state machine has no such step.
        """
        if to not in _NEXT[self.state]:
            raise ConflictError(f"incident {self.id}", f"cannot go from {self.state} to {to}")
        moved = self.note(at, actor, f"{to}: {why}")
        return replace(
            moved,
            state=to,
            resolved_at=at if to is IncidentState.RESOLVED else moved.resolved_at,
            closed_at=at if to is IncidentState.CLOSED else moved.closed_at,
        )
