"""Tickets in the state store: one row for each incident and tracker, which is also the queue of what is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import ticket_calls as calls
from wellkept.store.state.tables import ticket_positions as positions
from wellkept.store.state.tables import tickets

WAITING, OPEN, LET_GO, CLOSED, LEFT, DEAD = "waiting", "open", "closed_there", "closed", "left", "dead"
"""Not made yet; made; closed there by people while the incident goes on; over; handed to the incident that its trouble
came back as; given up."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = "incidents"


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket, and what is to be done about it.

    ``wanted`` and ``done`` are revisions of the incident: where they differ there is something to look at. ``said`` is
    what the ticket tells already, ``doing`` what was begun and may or may not have happened.
    """

    incident: str
    tracker: str
    mark: str
    created_at: datetime
    next_at: datetime
    remote: str = ""
    number: str = ""
    url: str = ""
    state: str = WAITING
    there: str = ""
    """The state in the other system's own word."""
    person: str = ""
    """Who has it there."""
    closed_at: datetime | None = None
    wanted: int = 0
    done: int = 0
    poll_at: datetime | None = None
    """When to look what people did with it; None for never."""
    attempts: int = 0
    reason: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    doing: Mapping[str, Any] = field(default_factory=dict)
    lease_by: str = ""
    lease_until: datetime = EPOCH


@dataclass(frozen=True, slots=True)
class CallRow:
    """One request that was made for a ticket; ``status`` 0: no answer."""

    incident: str
    tracker: str
    at: datetime
    method: str
    path: str
    status: int
    said: str = ""


WORKED = frozenset(TicketRow.__slots__) - {
    "incident",
    "tracker",
    "mark",
    "created_at",
    "wanted",
    "lease_by",
    "lease_until",
}
"""What whoever works on a ticket writes; the rest belongs to those who ask for something."""
SETTLED = ("number", "remote", "url", "state", "reason", "closed_at", "wanted", "done")
"""What is written of a ticket that nobody has to look at."""


class TicketRows:
    """Reads, queues and claims tickets."""

    def __init__(self, state: State) -> None:
        self._state = state

    def position(self) -> int | None:
        """The revision of incidents up to which tickets were asked for; None before the first time."""
        with self._state.reading() as connection:
            return connection.execute(select(positions.c.position).where(positions.c.source == SOURCE)).scalar()

    def want(self, rows: Sequence[TicketRow], position: int | None = None) -> None:
        """Ask for tickets to be looked at, and keep how far incidents were read, in one unit.

        One that is there keeps everything but ``wanted``, which only grows. A row that comes as done is as it is to be:
        one that is there becomes so, and nobody has to look at it.
        """
        with self._state.transaction() as connection:
            _want(connection, [row for row in rows if row.done < row.wanted], tickets.c.wanted)
            _want(connection, [row for row in rows if row.done >= row.wanted], *(tickets.c[name] for name in SETTLED))
            if position is not None:
                upsert(connection, positions, [{"source": SOURCE, "position": position}])

    def claim(self, tracker: str, by: str, now: datetime, until: datetime) -> TicketRow | None:
        """Take the ticket of a tracker that has been due the longest; nobody else gets it until ``until``."""
        free = tickets.c.lease_until <= now
        changed = (tickets.c.wanted > tickets.c.done) & (tickets.c.next_at <= now)
        due = (tickets.c.tracker == tracker) & tickets.c.state.not_in([DEAD, LEFT]) & free
        query = select(tickets).where(due, changed | (tickets.c.poll_at <= now)).order_by(tickets.c.next_at).limit(1)
        with self._state.transaction() as connection:
            found = connection.execute(query).mappings().first()
            if found is None:
                return None
            taken = update(tickets).where(_is(found["incident"], tracker), free).values(lease_by=by, lease_until=until)
            if not connection.execute(taken).rowcount:
                return None
        return TicketRow(**{**found, "lease_by": by, "lease_until": until})

    def inherit(self, tracker: str, by: str, now: datetime, until: datetime) -> None:
        """Shorten the leases that are left from before: one's own end now, and those of others ``until`` then."""
        is_left = (tickets.c.tracker == tracker) & (tickets.c.lease_by != "")
        with self._state.transaction() as connection:
            for is_whose, end in ((tickets.c.lease_by == by, now), (tickets.c.lease_by != by, until)):
                left = is_left & is_whose & (tickets.c.lease_until > end)
                connection.execute(update(tickets).where(left).values(lease_until=end))

    def renew(self, row: TicketRow, until: datetime) -> bool:
        """Keep a ticket for longer; whether it is still ours."""
        mine = _is(row.incident, row.tracker) & (tickets.c.lease_by == row.lease_by)
        with self._state.transaction() as connection:
            return bool(connection.execute(update(tickets).where(mine).values(lease_until=until)).rowcount)

    def save(self, row: TicketRow, *, release: bool = False) -> bool:
        """Write what was found out or done; False, and nothing is written, where somebody else has taken the ticket."""
        values = {name: getattr(row, name) for name in WORKED}
        if release:
            values |= {"lease_by": "", "lease_until": EPOCH}
        mine = _is(row.incident, row.tracker) & (tickets.c.lease_by == row.lease_by)
        with self._state.transaction() as connection:
            return bool(connection.execute(update(tickets).where(mine).values(**values)).rowcount)

    def change(self, incident: str, tracker: str, **values: Any) -> bool:
        """Write single columns, whoever works on it; whether there is such a ticket."""
        with self._state.transaction() as connection:
            return bool(connection.execute(update(tickets).where(_is(incident, tracker)).values(**values)).rowcount)

    def revive(self, tracker: str, incident: str | None = None) -> int:
        """Have tickets worked on at once and from anew: this one, or all that failed or were given up; how many."""
        chosen = tickets.c.tracker == tracker
        if incident is None:
            chosen &= (tickets.c.state == DEAD) | (tickets.c.attempts > 0)
        else:
            chosen &= tickets.c.incident == incident
        made = case((tickets.c.remote != "", OPEN), else_=WAITING)
        state = case((tickets.c.state == DEAD, made), else_=tickets.c.state)
        anew = {"state": state, "attempts": 0, "next_at": EPOCH, "done": tickets.c.wanted - 1}
        with self._state.transaction() as connection:
            return connection.execute(update(tickets).where(chosen).values(**anew)).rowcount

    def get(self, incident: str, tracker: str) -> TicketRow | None:
        return next(iter(self._read(select(tickets).where(_is(incident, tracker)))), None)

    def of_incident(self, incident: str) -> list[TicketRow]:
        return self._read(select(tickets).where(tickets.c.incident == incident).order_by(tickets.c.tracker))

    def numbered(self, number: str) -> list[TicketRow]:
        """Tickets that people call so."""
        return self._read(select(tickets).where(tickets.c.number == number).order_by(tickets.c.created_at.desc()))

    def recent(self, tracker: str | None, state: str | None, limit: int) -> list[TicketRow]:
        """Tickets, newest first."""
        query = (
            select(tickets).order_by(tickets.c.created_at.desc(), tickets.c.incident, tickets.c.tracker).limit(limit)
        )
        if tracker is not None:
            query = query.where(tickets.c.tracker == tracker)
        if state is not None:
            query = query.where(tickets.c.state == state)
        return self._read(query)

    def counts(self) -> dict[str, dict[str, int]]:
        """Tracker to state to number of tickets."""
        query = select(tickets.c.tracker, tickets.c.state, func.count()).group_by(tickets.c.tracker, tickets.c.state)
        found: dict[str, dict[str, int]] = {}
        with self._state.reading() as connection:
            for tracker, state, count in connection.execute(query):
                found.setdefault(tracker, {})[state] = count
        return found

    def called(self, call: CallRow) -> None:
        """Keep a request."""
        with self._state.transaction() as connection:
            connection.execute(calls.insert().values(**{name: getattr(call, name) for name in CallRow.__slots__}))

    def calls(self, incident: str, tracker: str, limit: int) -> list[CallRow]:
        """The newest requests for a ticket, oldest first."""
        chosen = (calls.c.incident == incident) & (calls.c.tracker == tracker)
        query = select(*(calls.c[name] for name in CallRow.__slots__)).where(chosen).order_by(calls.c.id.desc())
        with self._state.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return [CallRow(**row) for row in reversed(rows)]

    def forget_calls(self, before: datetime) -> None:
        with self._state.transaction() as connection:
            connection.execute(delete(calls).where(calls.c.at < before))

    def _read(self, query: Select[Any]) -> list[TicketRow]:
        with self._state.reading() as connection:
            return [TicketRow(**row) for row in connection.execute(query).mappings()]


def _is(incident: str, tracker: str) -> Any:
    return (tickets.c.incident == incident) & (tickets.c.tracker == tracker)


def _want(connection: Connection, rows: Sequence[TicketRow], *columns: Column[Any]) -> None:
    """Insert rows; of those that are there and know of no later revision, change these columns."""
    if not rows:
        return
    insert = sqlite.insert(tickets) if connection.dialect.name == "sqlite" else postgresql.insert(tickets)
    statement = insert.on_conflict_do_update(
        index_elements=[tickets.c.incident, tickets.c.tracker],
        set_={column.name: insert.excluded[column.name] for column in columns},
        where=tickets.c.wanted < insert.excluded.wanted,
    )
    connection.execute(statement, [{name: getattr(row, name) for name in TicketRow.__slots__} for row in rows])
