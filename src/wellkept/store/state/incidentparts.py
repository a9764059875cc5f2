"""Members and story lines of incidents as rows, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from wellkept.kernel.incident import Departure, Member, StoryKind, Tie, TimelineEntry
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.tables import incident_members, incident_timeline, incidents

_ALL_FROM = 5_000
"""From so many findings on, reading the ids of all members is quicker than asking for each."""

Members = dict[str, tuple[Member, ...]]
Lines = dict[str, tuple[TimelineEntry, ...]]


def read_members(connection: Connection, of: Sequence[str], first: int | None = None) -> Members:
    """Incident to its members in the order in which they joined; of each at most about the ``first`` so many."""
    found: dict[str, list[Member]] = defaultdict(list)
    columns = incident_members.c
    for part in chunks(of):
        query = select(incident_members).where(columns.incident.in_(part)).order_by(columns.incident, columns.number)
        if first is not None:
            query = query.where(columns.number < first)
        for row in connection.execute(query):
            found[row.incident].append(member_of(row))
    return {incident: tuple(members) for incident, members in found.items()}


def newest_members(connection: Connection, incident: str, count: int) -> tuple[Member, ...]:
    """The members that joined last."""
    columns = incident_members.c
    query = select(incident_members).where(columns.incident == incident).order_by(columns.number.desc()).limit(count)
    return tuple(member_of(row) for row in connection.execute(query))


def read_lines(connection: Connection, of: Sequence[str], last: int | None = None, *, moves: bool = False) -> Lines:
    """Incident to the lines of its story in their order; of each the ``last`` so many, or its moves alone."""
    found: dict[str, list[tuple[Any, int, TimelineEntry]]] = defaultdict(list)
    columns = incident_timeline.c
    for part in chunks(of):
        query = select(incident_timeline).where(columns.incident.in_(part))
        if last is not None:
            query = query.join(incidents, incidents.c.id == columns.incident)
            query = query.where(columns.number >= incidents.c.lines - last)
        if moves:
            query = query.where(columns.kind == StoryKind.STATE)
        for row in connection.execute(query):
            line = TimelineEntry(row.at, row.actor, row.what, row.reference, StoryKind(row.kind))
            found[row.incident].append((row.at, row.number, line))
    return {
        incident: tuple(line for _, _, line in sorted(lines, key=lambda it: it[:2]))
        for incident, lines in found.items()
    }


def known_members(connection: Connection, incident: str, findings: Sequence[str]) -> set[str]:
    """Those of the findings that are members already."""
    columns = incident_members.c
    query = select(columns.finding).where(columns.incident == incident)
    if len(findings) > _ALL_FROM:
        return set(connection.execute(query).scalars()).intersection(findings)
    found: set[str] = set()
    for part in chunks(findings):
        found.update(connection.execute(query.where(columns.finding.in_(part))).scalars())
    return found


def write_members(connection: Connection, incident: str, members: Iterable[Member], number: int) -> None:
    """Write members, numbered from ``number`` on; those that are there are written over, and keep their place."""
    rows = [
        {
            "incident": incident,
            "finding": member.finding,
            "number": place,
            "entity": member.entity,
            "joined_at": member.joined_at,
            "why": member.why,
            "tie": member.tie.value,
            "rests_on": dict(member.values),
            "via": member.via,
            "held": member.held,
        }
        for place, member in enumerate(members, number)
    ]
    upsert(connection, incident_members, rows, keep=frozenset({"number"}))


def write_lines(connection: Connection, incident: str, lines: Iterable[TimelineEntry], number: int) -> None:
    """Append lines, numbered from ``number`` on."""
    rows = [
        {
            "incident": incident,
            "number": place,
            "at": line.at,
            "actor": line.actor,
            "what": line.what,
            "reference": line.reference,
            "kind": line.kind.value,
        }
        for place, line in enumerate(lines, number)
    ]
    upsert(connection, incident_timeline, rows)


def remove_members(connection: Connection, incident: str, gone: Collection[Departure]) -> int:
    """Take out members that left after they had joined; returns how many."""
    columns, removed = incident_members.c, 0
    for departure in gone:
        chosen = (columns.incident == incident) & (columns.finding == departure.finding)
        done = connection.execute(delete(incident_members).where(chosen, columns.joined_at <= departure.at))
        removed += max(0, done.rowcount)
    return removed


def entities_of(connection: Connection, incident: str) -> list[str]:
    """The entities of all members, in the order in which they joined."""
    columns = incident_members.c
    query = select(columns.entity).where(columns.incident == incident)
    return list(connection.execute(query.group_by(columns.entity).order_by(func.min(columns.number))).scalars())


def member_of(row: Row[Any]) -> Member:
    """A member from its row."""
    return Member(row.finding, row.entity, row.joined_at, row.why, Tie(row.tie), row.rests_on, row.via, row.held)
