"""Writing incidents: many together cost a few statements, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from wellkept.kernel.codec import encode
from wellkept.kernel.incident import Extent, Incident, Member, TimelineEntry
from wellkept.store.state.incidentparts import entities_of, remove_members
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.tables import incident_members, incident_timeline, incidents

_ALL_FROM = 5_000
"""From so many findings on, reading the ids of all members is quicker than asking for each."""


class Writes:
    """Gathers rows for incidents of one unit of work, and writes them together."""

    def __init__(self, connection: Connection, rows: Mapping[str, Row[Any]]) -> None:
        """``rows`` are the stored ones, by id; an incident that is not among them is new."""
        self._connection, self._stored = connection, rows
        self._heads: list[dict[str, Any]] = []
        self._members: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._known: dict[str, set[str]] = {}

    def look_up(self, parts: Iterable[Incident]) -> None:
        """Learn which of the members are stored already, for all of the incidents at once."""
        wanted = [part for part in parts if part.id in self._stored]
        self._known |= _known_members(self._connection, wanted)

    def add(self, before: Incident | None, incident: Incident, revision: int) -> Incident:
        """Take what is new of an incident; ``before`` is what is known to be stored, as far as it matters."""
        merged = incident.rebased(before) if before is not None else incident
        row = self._stored.get(incident.id)
        count, joined, told, entities = (row.members, row.joined, row.lines, row.entities) if row else (0, 0, 0, [])
        gone = set(merged.left) - set(before.left) if before else set()
        if removed := remove_members(self._connection, incident.id, gone):
            count, entities = count - removed, entities_of(self._connection, incident.id)
        if incident.id not in self._known or removed:
            self.look_up([merged])
        known = self._known.get(incident.id, set())
        stored = {member.finding: member for member in before.members} if before else {}
        new = [member for member in merged.members if member.finding not in known]
        changed = [member for member in merged.members if stored.get(member.finding, member) != member]
        said = set(before.timeline) if before else set()
        lines = [line for line in merged.timeline if line not in said]
        self._members += _member_rows(incident.id, [*new, *(m for m in changed if m.finding in known)], joined)
        self._lines += _line_rows(incident.id, lines, told)
        entities = list(dict.fromkeys((*entities, *(member.entity for member in new))))
        head = replace(merged, members=(), timeline=(), extent=None)
        self._heads.append(
            {
                "id": head.id,
                "state": head.state,
                "opened_at": head.opened_at,
                "updated_at": head.updated_at,
                "body": encode(head),
                "revision": revision,
                "members": count + len(new),
                "joined": joined + len(new),
                "lines": told + len(lines),
                "entities": entities,
            }
        )
        return replace(head, extent=Extent(count + len(new), tuple(entities)))

    def flush(self) -> None:
        """Write everything. Members that are there already are written over, and keep their place."""
        upsert(self._connection, incidents, self._heads)
        upsert(self._connection, incident_members, self._members, keep=frozenset({"number"}))
        upsert(self._connection, incident_timeline, self._lines)


def _known_members(connection: Connection, parts: Sequence[Incident]) -> dict[str, set[str]]:
    """Of each incident those of the members that it is given with which are stored."""
    columns = incident_members.c
    found: dict[str, set[str]] = defaultdict(set)
    wanted: set[str] = set()
    for part in parts:
        found[part.id] = set()
        if len(part.members) > _ALL_FROM:
            query = select(columns.finding).where(columns.incident == part.id)
            found[part.id] = set(connection.execute(query).scalars())
        else:
            wanted.update(member.finding for member in part.members)
    for some in chunks(sorted(wanted)):
        query = select(columns.incident, columns.finding).where(columns.finding.in_(some))
        for incident, finding in connection.execute(query):
            if incident in found:
                found[incident].add(finding)
    return found


def _member_rows(incident: str, members: Iterable[Member], number: int) -> list[dict[str, Any]]:
    """Rows of members, numbered from ``number`` on."""
    return [
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


def _line_rows(incident: str, lines: Iterable[TimelineEntry], number: int) -> list[dict[str, Any]]:
    """Rows of lines that are appended, numbered from ``number`` on."""
    return [
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
