"""An incident and its life: open, acknowledged, mitigated, resolved, closed.

A resolved incident never swallows new findings: trouble that comes back opens a new one that points back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wellkept.kernel.errors import ConflictError
from wellkept.kernel.finding import Severity
from wellkept.kernel.story import StoryKind, TimelineEntry

__all__ = [
    "Departure",
    "Extent",
    "Incident",
    "IncidentState",
    "Member",
    "Reopening",
    "StoryKind",
    "Tie",
    "TimelineEntry",
    "reopening_of",
]


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
    SAME_TIME = "same_time"
    """Nobody tells what depends on what in this system, and the two began together."""
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
    via: str = ""
    """The incident that it came from, where that one was merged into this one."""
    held: str = ""
    """Why it is kept quiet (silenced, in maintenance, ...); empty where it counts."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A finding that somebody took out of an incident. It is not a member unless it joined after that."""

    finding: str
    at: datetime
    to: str
    """The incident that it went to."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many members an incident has, and of which entities: what a list gives in place of the members."""

    count: int
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reopening:
    """That somebody reopened what was over. Findings may have gone on all the while: of them the return counts."""

    ended_at: datetime
    """When the incident that it is the return of was over."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """A group of findings that are one problem.

    ``opened_at`` is the onset: when its earliest finding began. ``detected_at`` is when the platform opened it.
    """

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
    """The incident that this one is the return of."""
    ticket: str = ""
    detected_at: datetime | None = None
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    severity_why: str = ""
    """What the severity was made from, as a sentence."""
    severity_by: str = ""
    """Who set the severity by hand; empty where it follows from the findings."""
    held: str = ""
    """Why nobody is told of it; empty where people are told."""
    owner: str = ""
    """Whose system it is: a team, from the catalogue or by hand."""
    owned_by: str = ""
    """Who said that it is theirs; empty where the catalogue does."""
    assignee: str = ""
    """Who works on it."""
    related: tuple[str, ...] = ()
    """Incidents that have to do with this one without being the same problem."""
    split_from: str = ""
    merged_into: str = ""
    left: tuple[Departure, ...] = ()
    touched_at: datetime | None = None
    """When somebody last changed what only people change: owner, assignee, severity by hand, links."""
    heard_late: str = ""
    """That the sender of its first sign told of it long after it began, although it could have; empty otherwise."""
    reopening: Reopening | None = None
    """Set where somebody reopened another one as this."""
    stays_open: bool = False
    """Somebody reopened it though none of its findings is open: people alone say when it is over."""
    extent: Extent | None = None
    """Set where the members were not loaded, as in lists."""

    @property
    def count(self) -> int:
        """How many findings are in it."""
        return self.extent.count if self.extent else len(self.members)

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities of the members, in the order in which they joined."""
        return self.extent.entities if self.extent else tuple(dict.fromkeys(member.entity for member in self.members))

    @property
    def noticed_at(self) -> datetime:
        """When the platform opened it; never before the onset."""
        noticed = self.detected_at or next((entry.at for entry in self.timeline), self.opened_at)
        return max(noticed, self.opened_at)

    def onset(self, starts: Iterable[datetime]) -> datetime:
        """When it began, by when its findings did. Those that went on over the end before a return began with that."""
        back = self.reopening
        return min(back.at if back is not None and start < back.ended_at else start for start in starts)

    def note(
        self, at: datetime, actor: str, what: str, reference: str = "", kind: StoryKind = StoryKind.NOTE
    ) -> Incident:
        """The same incident with one more line in its story."""
        return self.told([TimelineEntry(at, actor, what, reference, kind)])

    def told(self, lines: Sequence[TimelineEntry]) -> Incident:
        """The same incident with more lines in its story."""
        if not lines:
            return self
        last = max(self.updated_at, *(line.at for line in lines))
        return replace(self, timeline=(*self.timeline, *lines), updated_at=last)

    def move(self, to: IncidentState, at: datetime, actor: str, why: str) -> Incident:
        """The incident in its next state.

        Raises:
            ConflictError: the state machine has no such step.
        """
        if to not in _NEXT[self.state]:
            raise ConflictError(f"incident {self.id}", f"cannot go from {self.state} to {to}")
        moved = self.note(at, actor, f"{to}: {why}", kind=StoryKind.STATE)
        match to:
            case IncidentState.ACKNOWLEDGED:
                return replace(moved, state=to, acknowledged_at=at)
            case IncidentState.MITIGATED:
                return replace(moved, state=to, mitigated_at=at)
            case IncidentState.RESOLVED:
                return replace(moved, state=to, resolved_at=at)
            case IncidentState.CLOSED:
                return replace(moved, state=to, closed_at=at)
        return replace(moved, state=to, mitigated_at=None)  # open again: what was done against it did not last

    def without(self, findings: Collection[str], at: datetime, to: str) -> Incident:
        """The incident after these findings were taken out of it and put into another one."""
        gone = tuple(Departure(m.finding, max(at, m.joined_at), to) for m in self.members if m.finding in findings)
        kept = tuple(member for member in self.members if member.finding not in findings)
        old = tuple(departure for departure in self.left if departure.finding not in findings)
        return replace(self, members=kept, left=(*old, *gone), updated_at=max(self.updated_at, at))

    def joined(self, members: Iterable[Member], at: datetime) -> Incident:
        """The incident with members that somebody put there, also such as were taken out before."""
        went = {departure.finding: departure.at for departure in self.left}
        known = {member.finding for member in self.members}
        new = tuple(
            replace(member, joined_at=max(at, went[member.finding] + _A_MOMENT) if member.finding in went else at)
            for member in members
            if member.finding not in known
        )
        return replace(self, members=(*self.members, *new), updated_at=max(self.updated_at, at))

    def rebased(self, stored: Incident) -> Incident:
        """The incident, with all that others wrote into the stored one since it was read.

        Stages and people read an incident, add to it and save it, each in their own time: a line of its story, a
        member, somebody's taking a member out, or an end is not undone by another who did not know of it yet.
        """
        left = _latest((*stored.left, *self.left))
        mine = {member.finding for member in _staying(self.members, left)}
        members = tuple(m for m in _staying(stored.members, left) if m.finding not in mine)
        told = all(entry in self.timeline for entry in stored.timeline)
        if not members and told and left == _latest(self.left) and not _is_older(self, stored):
            return self
        new = (entry for entry in self.timeline if entry not in stored.timeline)
        timeline = tuple(sorted((*stored.timeline, *new), key=lambda entry: entry.at))
        grown = stored if members else self
        touched = stored if _is_older(self, stored) else self
        rated = touched if touched.severity_by else grown
        state = _later(self.state, stored.state, timeline)
        return replace(
            self,
            title=grown.title,
            severity=rated.severity,
            severity_why=rated.severity_why,
            severity_by=touched.severity_by,
            opened_at=grown.opened_at,
            heard_late=grown.heard_late,
            members=(*_staying(self.members, left), *members),
            left=tuple(left.values()),
            timeline=timeline,
            updated_at=max(self.updated_at, stored.updated_at),
            state=state,
            resolved_at=self.resolved_at or stored.resolved_at,
            closed_at=self.closed_at or stored.closed_at,
            acknowledged_at=self.acknowledged_at or stored.acknowledged_at,
            mitigated_at=None if state is IncidentState.OPEN else self.mitigated_at or stored.mitigated_at,
            merged_into=self.merged_into or stored.merged_into,
            owner=touched.owner or self.owner or stored.owner,
            owned_by=touched.owned_by,
            assignee=touched.assignee,
            related=touched.related,
            touched_at=touched.touched_at,
        )


_A_MOMENT = timedelta(microseconds=1)


def reopening_of(one: Incident, other: Incident) -> Reopening | None:
    """Of two that become one: what either is the return of counts, unless the one problem is older than that."""
    onset = min(one.opened_at, other.opened_at)
    known = [back for back in (one.reopening, other.reopening) if back is not None and back.ended_at <= onset]
    return max(known, key=lambda back: back.ended_at, default=None)


def _latest(departures: Iterable[Departure]) -> dict[str, Departure]:
    """The last departure of each finding."""
    return {departure.finding: departure for departure in sorted(departures, key=lambda d: (d.at, d.to))}


def _staying(members: Iterable[Member], left: Mapping[str, Departure]) -> tuple[Member, ...]:
    """The members that were not taken out after they had joined."""
    return tuple(m for m in members if m.finding not in left or m.joined_at > left[m.finding].at)


def _is_older(one: Incident, other: Incident) -> bool:
    """Whether somebody touched the other later."""
    return other.touched_at is not None and (one.touched_at is None or one.touched_at < other.touched_at)


def _later(one: IncidentState, other: IncidentState, timeline: tuple[TimelineEntry, ...]) -> IncidentState:
    """The later of two states: an end counts before what is live, else the last move that the story tells."""
    for end in (IncidentState.CLOSED, IncidentState.RESOLVED):
        if end in (one, other):
            return end
    moves = (state for entry in reversed(timeline) for state in (one, other) if entry.what.startswith(f"{state}: "))
    return next(moves, one)
