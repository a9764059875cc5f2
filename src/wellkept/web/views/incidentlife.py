"""The life of one incident on its page: what can be done now, its times, its people, its links, and its story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.story import StoryKind, TimelineEntry
from wellkept.kernel.times import times_of
from wellkept.spine.explaining import MEANINGS
from wellkept.spine.incidentbook import IncidentBook, Linked, Wanted
from wellkept.web.deps import WebDeps
from wellkept.web.wording import bare, duration

MOST_OTHERS, MOST_LINES = 50, 300
_NEXT: dict[IncidentState, tuple[tuple[str, str], ...]] = {
    IncidentState.OPEN: (("acknowledge", "Acknowledge"), ("mitigate", "Mitigated"), ("resolve", "Resolved")),
    IncidentState.ACKNOWLEDGED: (("mitigate", "Mitigated"), ("resolve", "Resolved")),
    IncidentState.MITIGATED: (("resolve", "Resolved"),),
    IncidentState.RESOLVED: (("close", "Close"), ("reopen", "Reopen")),
    IncidentState.CLOSED: (("reopen", "Reopen"),),
}
LINKS = ("inc-", "fnd-", "pln-")


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of the story; ``href`` leads to what it is about."""

    at: datetime
    actor: str
    what: str
    kind: str
    href: str


@dataclass(frozen=True, slots=True)
class MemberView:
    """A finding's membership."""

    finding: str
    entity: str
    tie: str
    meaning: str
    why: str
    values: str
    via: str
    held: str


@dataclass(frozen=True, slots=True)
class LifeView:
    """Everything about an incident's life. ``others`` are live incidents that it could be merged with."""

    severity_why: str
    severity_by_hand: str
    """The severity that somebody set; empty where it follows from the findings."""
    held: str
    owner: str
    assignee: str
    times: tuple[tuple[str, str, str], ...]
    deeds: tuple[tuple[str, str], ...]
    links: tuple[Linked, ...]
    others: tuple[tuple[str, str], ...]
    members: tuple[MemberView, ...]
    more_members: int
    story: tuple[LineView, ...]
    more_lines: int
    kinds: tuple[tuple[str, int], ...]
    kind: str
    is_merged: bool
    severities: tuple[str, ...] = tuple(severity.name.lower() for severity in Severity)


def life_view(deps: WebDeps, incident: Incident, kind: str) -> LifeView:
    """The life of an incident; of its story only lines of a kind, where one is given."""
    story = deps.book.story(incident)
    counts = {one: sum(1 for entry in story if entry.kind is one) for one in StoryKind}
    chosen = kind if kind in {one.value for one in StoryKind} else ""
    lines = [entry for entry in story if not chosen or entry.kind == chosen]
    return LifeView(
        severity_why=incident.severity_why,
        severity_by_hand=incident.severity.name.lower() if incident.severity_by else "",
        held=incident.held,
        owner=incident.owner,
        assignee=incident.assignee,
        times=_times(incident),
        deeds=() if incident.merged_into else _NEXT[incident.state],
        links=tuple(deps.book.links(incident)),
        others=_others(deps.book, incident),
        members=tuple(_member(member) for member in incident.members),
        more_members=incident.count - len(incident.members),
        story=_lines(lines[-MOST_LINES:]),
        more_lines=max(0, len(lines) - MOST_LINES),
        kinds=tuple((one.value, count) for one, count in counts.items() if count),
        kind=chosen,
        is_merged=bool(incident.merged_into),
    )


def _times(incident: Incident) -> tuple[tuple[str, str, str], ...]:
    """What took how long, and what is meant."""
    took = times_of(incident)
    late = f"; {incident.heard_late}" if incident.heard_late else ""
    found = [("to detect", took.detect_s, f"from the onset until it was noticed{late}")]
    later = (("acknowledge", took.acknowledge_s), ("mitigate", took.mitigate_s), ("resolve", took.resolve_s))
    found += [(f"to {word}", seconds, "since it was noticed") for word, seconds in later if seconds is not None]
    return tuple((word, duration(seconds), meaning) for word, seconds, meaning in found if seconds is not None)


def _others(book: IncidentBook, incident: Incident) -> tuple[tuple[str, str], ...]:
    if not incident.state.is_live:
        return ()
    live = tuple(state for state in IncidentState if state.is_live)
    found, _ = book.find(Wanted(states=live), limit=MOST_OTHERS)
    return tuple((other.id, other.title) for other in found if other.id != incident.id)


def _member(member: Member) -> MemberView:
    return MemberView(
        finding=member.finding,
        entity=bare(member.entity),
        tie=member.tie.value.replace("_", " "),
        meaning=MEANINGS[member.tie],
        why=member.why,
        values=", ".join(_said(key, value) for key, value in member.values.items()),
        via=member.via,
        held=member.held,
    )


def _said(key: str, value: str) -> str:
    unit = " s" if key.endswith("_s") else ""
    return f"{key.removesuffix('_s').replace('_', ' ')} {value}{unit}"


def _lines(story: Sequence[TimelineEntry]) -> tuple[LineView, ...]:
    return tuple(LineView(one.at, one.actor, one.what, one.kind.value, _href(one.reference)) for one in story)


def _href(reference: str) -> str:
    if not reference.startswith(LINKS):
        return ""
    kind = reference[:4]
    places = {"inc-": f"/incidents/{reference}", "fnd-": f"/findings/{reference}", "pln-": f"#{reference}"}
    return places[kind]
