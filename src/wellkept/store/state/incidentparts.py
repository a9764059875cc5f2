"""Members and story lines of incidents as rows, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from wellkept.kernel.incident import Departure, Member, StoryKind, Tie, TimelineEntry
from wellkept.store.state.rows import chunks
from wellkept.store.state.tables import incident_members, incident_timeline, incidents

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
