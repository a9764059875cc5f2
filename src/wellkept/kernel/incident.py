"""An incident and its life: open, acknowledged, mitigated, resolved, closed.

A resolved incident never swallows new findings: trouble that comes back opens a new one that points back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


class Tie(StrEnum):
    """Why a finding is in an incident: what ties it to the others."""

    FIRST = "first"
    """It is the first sign."""
    SAME_FINDING = "same_finding"
    """It is the same trouble told again (one fingerprint), or by somebody else."""
    SAME_ENTITY = "same_entity"
    DEPENDS_ON = "depends_on"
    """Its entity depends on that of another finding, or the other way round."""
    SHARED_DEPENDENCY = "shared_dependency"
    """Its entity and that of another finding depend on the same one."""
    SAME_RESOURCE = "same_resource"
    SHARED_TEXT = "shared_text"
    SHARED_LABELS = "shared_labels"
    CO_OCCURRENCE = "co_occurrence"
    """The two came together before, more often than by chance."""
    SHARED_CHANGE = "shared_change"
    """One change is the likely origin of both."""
    RULE = "rule"
    """A grouping rule says so."""
    HAND = "hand"
    """Somebody put it there."""
    GROUPED_BEFORE = "grouped_before"
    """Its ties were to findings that are gone, or to an incident that was merged into this one."""


@dataclass(frozen=True, slots=True)
class Member:
    """A finding in an incident, and why it was put there: the tie, its values, and both as a sentence."""

    finding: str
    entity: str
    joined_at: datetime
    why: str
    tie: Tie = Tie.GROUPED_BEFORE
    values: Mapping[str, str] = field(default_factory=dict)
    """What the tie rests on: ``to`` (a finding's id), ``path``, ``apart_s``, ``change``, ``rule``, ``by``, ..."""


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

    def rebased(self, stored: Incident) -> Incident:
        """The incident, with all that others wrote into the stored one since it was read.

        Stages read an incident, add to it and save it, each in its own time: a line of its story, a member or an end
        that one of them wrote is not undone by another that did not know of it yet.
        """
        mine = {member.finding for member in self.members}
        members = tuple(member for member in stored.members if member.finding not in mine)
        if not members and all(entry in self.timeline for entry in stored.timeline):
            return self
        new = (entry for entry in self.timeline if entry not in stored.timeline)
        timeline = tuple(sorted((*stored.timeline, *new), key=lambda entry: entry.at))
        grown = stored if members else self
        return replace(
            self,
            title=grown.title,
            severity=grown.severity,
            opened_at=grown.opened_at,
            members=(*self.members, *members),
            timeline=timeline,
            updated_at=max(self.updated_at, stored.updated_at),
            state=_later(self.state, stored.state, timeline),
            resolved_at=self.resolved_at or stored.resolved_at,
            closed_at=self.closed_at or stored.closed_at,
        )

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


def _later(one: IncidentState, other: IncidentState, timeline: tuple[TimelineEntry, ...]) -> IncidentState:
    """The later of two states: an end counts before what is live, else the last move that the story tells."""
    for end in (IncidentState.CLOSED, IncidentState.RESOLVED):
        if end in (one, other):
            return end
    moves = (state for entry in reversed(timeline) for state in (one, other) if entry.what.startswith(f"{state}: "))
    return next(moves, one)
