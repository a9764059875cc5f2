"""Incidents in the state store: a head that lists are made of, and members and story lines in tables of their own.

Members and lines are added as rows: an incident of 100,000 findings grows by what is new, never by its whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update

from wellkept.kernel.codec import decode
from wellkept.kernel.incident import Extent, Incident, IncidentState, Member, Tie
from wellkept.store.state.incidentparts import (
    member_of,
    newest_members,
    read_lines,
    read_members,
)
from wellkept.store.state.incidentwrites import Writes
from wellkept.store.state.revisions import INCIDENTS, newest, reserve
from wellkept.store.state.rows import chunks
from wellkept.store.state.state import State
from wellkept.store.state.tables import findings, incident_members, incidents

FIRST_MEMBERS, LAST_LINES = 200, 200
"""So many members and story lines of an incident come with a list."""
_WHOLE = 2_000
"""Up to so many members an incident is compared member by member when it is saved."""
_NEWEST = 50
"""So many of the newest members tell whether a larger one has grown since it was read."""
_LIVE = [state.value for state in IncidentState if state.is_live]


class IncidentRows:
    """Reads and writes incidents. Every save gets a revision, which grows over all incidents."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save(self, incident: Incident) -> Incident:
        """Save what somebody read, changed and hands back; what others wrote meanwhile stays (``Incident.rebased``).

        An incident of a list is saved like a whole one: members that were not loaded are not taken out.
        """
        with self._state.transaction() as connection:
            revision = reserve(connection, INCIDENTS, 1) + 1
            row = connection.execute(select(incidents).where(incidents.c.id == incident.id)).first()
            before = self._before(connection, row, incident) if row is not None else None
            writes = Writes(connection, {row.id: row} if row is not None else {})
            saved = writes.add(before, incident, revision)
            writes.flush()
            return saved

    def grow(self, parts: Sequence[Incident]) -> tuple[list[Incident], int]:
        """Save many in one unit of work, each with no other members and lines than new ones; returns their heads.

        Title, severity and onset are taken as they are here: whoever groups findings decides on them. Returned beside
        the heads is the revision before these saves: the ones that others have made until then.
        """
        ids = [part.id for part in parts]
        with self._state.transaction() as connection:
            revision = first = reserve(connection, INCIDENTS, len(parts))
            rows = {row.id: row for some in chunks(ids) for row in connection.execute(_chosen(some))}
            moves = read_lines(connection, list(rows), moves=True)
            writes = Writes(connection, rows)
            writes.look_up(parts)
            saved = []
            for part in parts:
                revision += 1
                row = rows.get(part.id)
                before = replace(_head(row), timeline=moves.get(part.id, ())) if row is not None else None
                if before is not None and part.state.is_live and not before.state.is_live:
                    saved.append(before)  # somebody ended it meanwhile: it swallows nothing
                    continue
                saved.append(writes.add(before, part, revision))
            writes.flush()
        return saved, first

    def change(self, ids: Sequence[str], make: Callable[[dict[str, Incident]], Sequence[Incident]]) -> list[Incident]:
        """Read incidents whole, have them changed, and save what ``make`` gives back, all in one unit of work.

        Nobody else writes an incident between the reading and the saving; what ``make`` raises undoes all of it.
        ``ids`` names also those that may be new: they are missing from what ``make`` is given.
        """
        with self._state.transaction() as connection:
            reserve(connection, INCIDENTS, 0)  # its lock holds the others off
            rows = {row.id: row for some in chunks(ids) for row in connection.execute(_chosen(some))}
            members, lines = read_members(connection, list(rows)), read_lines(connection, list(rows))
            found = {
                name: replace(_head(row), members=members.get(name, ()), timeline=lines.get(name, ()))
                for name, row in rows.items()
            }
            saved = list(make(dict(found)))
            first = reserve(connection, INCIDENTS, len(saved)) + 1
            writes = Writes(connection, rows)
            for revision, incident in enumerate(saved, first):
                writes.add(found.get(incident.id), incident, revision)
            writes.flush()
        return saved

    def get(self, incident: str) -> Incident | None:
        """An incident with all of its members and its whole story."""
        with self._state.reading() as connection:
            row = connection.execute(select(incidents).where(incidents.c.id == incident)).first()
            if row is None:
                return None
            members, lines = read_members(connection, [incident]), read_lines(connection, [incident])
        return replace(_head(row), members=members.get(incident, ()), timeline=lines.get(incident, ()))

    def listed(self, incident: str) -> Incident | None:
        """An incident as in lists."""
        return next(iter(self._listed(_chosen([incident]))), None)

    def finding_ids(self, incident: str, about: str, limit: int) -> list[str]:
        """The ids of findings of an incident: those about an entity before the others, then as they joined."""
        columns = incident_members.c
        query = select(columns.finding).where(columns.incident == incident).order_by(columns.number).limit(limit)
        with self._state.reading() as connection:
            mine = list(connection.execute(query.where(columns.entity == about)).scalars()) if about else []
            others = connection.execute(query).scalars()
            return list(dict.fromkeys((*mine, *others)))[:limit]

    def recent(self, live: bool | None, start: datetime | None, limit: int) -> list[Incident]:
        """Incidents as in lists, newest first; ``start`` leaves out those that were last touched before it."""
        query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
        if live is not None:
            query = query.where(incidents.c.state.in_(_LIVE) if live else incidents.c.state.not_in(_LIVE))
        if start is not None:
            query = query.where(incidents.c.updated_at >= start)
        return self._listed(query)

    def since(self, revision: int, limit: int) -> tuple[list[Incident], int]:
        """Incidents as in lists that were saved after ``revision``, in that order, and the revision to go on from."""
        columns = incidents.c
        query = select(incidents).where(columns.revision > revision).order_by(columns.revision).limit(limit)
        with self._state.reading() as connection:
            last = max([revision, *connection.execute(query.with_only_columns(columns.revision)).scalars()])
        return self._listed(query.where(columns.revision <= last)), last

    def heads_since(self, revision: int, limit: int) -> tuple[list[Incident], int]:
        """The same without members and story, much cheaper."""
        query = select(incidents).where(incidents.c.revision > revision).order_by(incidents.c.revision).limit(limit)
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
        return [head_of(row) for row in rows], rows[-1].revision if rows else revision

    def last_revision(self) -> int:
        with self._state.reading() as connection:
            return newest(connection, INCIDENTS)

    def revision_at(self, moment: datetime) -> int:
        """The newest revision of those incidents that were last touched before then."""
        query = select(func.coalesce(func.max(incidents.c.revision), 0)).where(incidents.c.updated_at < moment)
        with self._state.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def heads(self, live: bool, start: datetime | None = None) -> list[Incident]:
        """Incidents without members and story, newest first; their ``extent`` says what was left out."""
        query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id)
        query = query.where(incidents.c.state.in_(_LIVE) if live else incidents.c.state.not_in(_LIVE))
        if start is not None:
            query = query.where(incidents.c.updated_at >= start)
        with self._state.reading() as connection:
            return [head_of(row) for row in connection.execute(query)]

    def member_ids(self, of: Sequence[str]) -> dict[str, list[str]]:
        """Incident to the ids of its findings."""
        columns, found = incident_members.c, dict[str, list[str]]()
        with self._state.reading() as connection:
            for part in chunks(of):
                query = select(columns.incident, columns.finding).where(columns.incident.in_(part))
                for incident, finding in connection.execute(query):
                    found.setdefault(incident, []).append(finding)
        return found

    def members(self, incident: str, offset: int, limit: int) -> list[Member]:
        """Members in the order in which they joined."""
        columns = incident_members.c
        query = select(incident_members).where(columns.incident == incident).order_by(columns.number)
        with self._state.reading() as connection:
            return [member_of(row) for row in connection.execute(query.offset(offset).limit(limit))]

    def holding(self, findings: Sequence[str]) -> dict[str, list[str]]:
        """Finding to the ids of the incidents that it is a member of."""
        columns, found = incident_members.c, dict[str, list[str]]()
        with self._state.reading() as connection:
            for part in chunks(findings):
                query = select(columns.finding, columns.incident).where(columns.finding.in_(part))
                for finding, incident in connection.execute(query.order_by(columns.incident)):
                    found.setdefault(finding, []).append(incident)
        return found

    def by_hand(self, of: Sequence[str]) -> dict[str, list[str]]:
        """Incident to the findings that somebody put there."""
        columns, found = incident_members.c, dict[str, list[str]]()
        with self._state.reading() as connection:
            for part in chunks(of):
                query = select(columns.incident, columns.finding).where(columns.incident.in_(part))
                for incident, finding in connection.execute(query.where(columns.tie == Tie.HAND.value)):
                    found.setdefault(incident, []).append(finding)
        return found

    def hold(self, held: Sequence[tuple[str, str, str]]) -> None:
        """Write of members (incident, finding) why they are kept quiet now; empty where they count again."""
        columns = incident_members.c
        member = (columns.incident == bindparam("of")) & (columns.finding == bindparam("which"))
        change = update(incident_members).where(member).values(held=bindparam("why_held"))
        with self._state.transaction() as connection:
            names = ("of", "which", "why_held")
            connection.execute(change, [dict(zip(names, one, strict=True)) for one in held])

    def holds(self, incident: str, findings: Sequence[str]) -> dict[str, str]:
        """Why members of an incident are kept quiet, of those of ``findings`` that are."""
        columns, found = incident_members.c, dict[str, str]()
        with self._state.reading() as connection:
            for part in chunks(findings):
                query = select(columns.finding, columns.held).where(columns.incident == incident, columns.held != "")
                found |= {row.finding: row.held for row in connection.execute(query.where(columns.finding.in_(part)))}
        return found

    def retell(self, told: Sequence[tuple[str, str, Tie, str, Mapping[str, str]]]) -> None:
        """Write of members (incident, finding) why they are there by now, except of those that somebody put there."""
        columns = incident_members.c
        member = (columns.incident == bindparam("of")) & (columns.finding == bindparam("which"))
        now: dict[str, Any] = {"tie": bindparam("by_tie"), "why": bindparam("says"), "rests_on": bindparam("on")}
        change = update(incident_members).where(member, columns.tie != Tie.HAND.value).values(now)
        with self._state.transaction() as connection:
            for of, which, tie, says, on in told:
                values = {"of": of, "which": which, "by_tie": tie.value, "says": says, "on": dict(on)}
                connection.execute(change, values)

    def ended_about(self, fingerprints: Sequence[str], since: datetime) -> dict[str, str]:
        """Fingerprint to the newest incident about it that is over, and was last touched after ``since``."""
        query = (
            select(findings.c.fingerprint, incidents.c.id)
            .join(incident_members, incident_members.c.finding == findings.c.id)
            .join(incidents, incidents.c.id == incident_members.c.incident)
            .where(incidents.c.state.not_in(_LIVE), incidents.c.updated_at >= since)
            .order_by(incidents.c.opened_at, incidents.c.id.desc())
        )
        found: dict[str, str] = {}
        with self._state.reading() as connection:
            for part in chunks(fingerprints):
                rows = connection.execute(query.where(findings.c.fingerprint.in_(part)))
                found.update((row.fingerprint, row.id) for row in rows)
        return found

    def _before(self, connection: Connection, row: Row[Any], incident: Incident) -> Incident:
        """The stored incident, as far as one that is saved over it has to know it."""
        if row.members <= _WHOLE:
            members = read_members(connection, [row.id]).get(row.id, ())
        else:
            mine = {member.finding for member in incident.members}
            others = newest_members(connection, row.id, _NEWEST)
            members = tuple(member for member in others if member.finding not in mine)
        return replace(_head(row), members=members, timeline=read_lines(connection, [row.id]).get(row.id, ()))

    def _listed(self, query: Select[Any]) -> list[Incident]:
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
            ids = [row.id for row in rows]
            members = read_members(connection, ids, FIRST_MEMBERS)
            lines = read_lines(connection, ids, LAST_LINES)
        return [replace(_listed(row), members=members.get(row.id, ()), timeline=lines.get(row.id, ())) for row in rows]


def _chosen(ids: Sequence[str]) -> Select[Any]:
    return select(incidents).where(incidents.c.id.in_(ids))


def head_of(row: Row[Any]) -> Incident:
    """An incident from its row, without members and story: its extent says how many members, and of what."""
    return replace(_head(row), extent=Extent(row.members, tuple(row.entities)))


def _head(row: Row[Any]) -> Incident:
    return decode(Incident, row.body)


def _listed(row: Row[Any]) -> Incident:
    """The head, with its extent where not all members come with it."""
    head = _head(row)
    return replace(head, extent=Extent(row.members, tuple(row.entities))) if row.members > FIRST_MEMBERS else head
