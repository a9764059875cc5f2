"""Notifications in the state store: what each receiver is to be told, what it was told, and how that went.

One row is one thing for one receiver, and holds what is wanted beside what was told: where the two differ, something is
to be sent, and however much happened meanwhile, it is sent once. A sender claims a row with a lease, in one statement,
so of several servers one sends it; where that one dies, the lease ends, and another one sends it under the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, or_, select, update

from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import notification_positions as positions
from wellkept.store.state.tables import notifications
from wellkept.store.state.tellings import Escalation, Told, keep, keep_escalations

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing for one receiver.

    ``wanted`` is what it should have been told by now, ``told`` what it was. ``turn`` counts what was told without
    anything being new, ``times`` what was taken. ``unsure`` counts claims whose end nobody wrote down.
    """

    id: str
    receiver: str
    subject: str
    route: str
    group: str
    created_at: datetime
    version: int
    wanted: Mapping[str, Any]
    wanted_key: str
    due_at: datetime
    word: str = ""
    turn: int = 0
    is_held: bool = False
    is_over: bool = False
    digest: str = ""
    repeat_at: datetime | None = None
    told_key: str = ""
    told: Mapping[str, Any] | None = None
    told_at: datetime | None = None
    times: int = 0
    reference: Mapping[str, Any] = field(default_factory=dict)
    dead_key: str = ""
    attempts: int = 0
    retry_at: datetime = NEVER
    failing_since: datetime | None = None
    said: str = ""
    lease_by: str = ""
    lease_until: datetime = NEVER
    claims: int = 0
    unsure: int = 0

    @property
    def state(self) -> str:
        """``waiting``, ``held``, ``dead``, ``digest`` (told as part of one), or ``told``."""
        if self.digest:
            return "digest"
        if self.wanted_key == self.told_key:
            return "told"
        if self.wanted_key == self.dead_key:
            return "dead"
        return "held" if self.is_held else "waiting"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source was read, and the turn of planning that this was."""

    position: str
    turn: int


@dataclass(slots=True)
class Planned:
    """What one turn of planning writes, in one unit."""

    new: dict[str, Notification] = field(default_factory=dict)
    """By id."""
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Notification to new values."""
    escalations: list[Escalation] = field(default_factory=list)

    def change(self, notification: str, **values: Any) -> None:
        self.changed.setdefault(notification, {}).update(values)

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.changed or self.escalations)


class NotificationRows:
    """Notifications by id, and what belongs to them."""

    def __init__(self, state: State) -> None:
        self._state = state

    def position(self, source: str) -> Position | None:
        """How far a source was read; None where it never was."""
        with self._state.reading() as connection:
            row = connection.execute(select(positions).where(positions.c.source == source)).first()
        return Position(row.position, row.turn) if row is not None else None

    def plan(self, source: str, known: Position | None, position: str, planned: Planned) -> bool:
        """Keep what was planned, and the position, in one unit; False where another planner was first.

        ``known`` is what the planner began with: of two that began with the same, one wins and the other begins anew.
        """
        with self._state.transaction() as connection:
            if known is None:
                upsert(connection, positions, [{"source": source, "position": position, "turn": 1}])
            else:
                mine = (positions.c.source == source) & (positions.c.turn == known.turn)
                moved = update(positions).where(mine).values(position=position, turn=known.turn + 1)
                if not connection.execute(moved).rowcount:
                    return False
            if planned.new:
                connection.execute(insert(notifications), [_row(one) for one in planned.new.values()])
            for notification, values in planned.changed.items():
                chosen = notifications.c.id == notification
                if values.get("digest"):  # what somebody sends alone meanwhile stays alone
                    chosen = and_(chosen, _is_fresh())
                connection.execute(update(notifications).where(chosen).values(**values))
            keep_escalations(connection, planned.escalations)
        return True

    def of_subjects(self, subjects: Sequence[str]) -> list[Notification]:
        """Every notification about some things."""
        found: list[Notification] = []
        for start in range(0, len(subjects), _CHUNK):
            chosen = notifications.c.subject.in_(list(subjects[start : start + _CHUNK]))
            found += self._read(select(notifications).where(chosen))
        return found

    def in_digests(self, digests: Sequence[str]) -> list[Notification]:
        """What is told as part of some digests, by its id."""
        if not digests:
            return []
        return self._read(select(notifications).where(notifications.c.digest.in_(list(digests))))

    def open_of(self, prefix: str) -> list[Notification]:
        """What is not over of the things whose names begin with ``prefix``."""
        columns = notifications.c
        return self._read(select(notifications).where(columns.subject.startswith(prefix), columns.is_over.is_(False)))

    def open_digests(self, prefix: str, since: datetime) -> list[Notification]:
        """Digests that were begun since then and are not over; their subjects begin with ``prefix``."""
        columns = notifications.c
        is_open = columns.subject.startswith(prefix) & columns.is_over.is_(False)
        return self._read(
            select(notifications).where(is_open, columns.created_at >= since).order_by(columns.created_at)
        )

    def untold(self) -> list[Notification]:
        """What waits for its first message and was not tried yet, oldest first."""
        query = select(notifications).where(_is_wanted(), _is_fresh(), notifications.c.is_over.is_(False))
        return self._read(query.order_by(notifications.c.created_at, notifications.c.id))

    def repeating(self, now: datetime) -> list[Notification]:
        """What was told so long ago that it is to be told again."""
        columns = notifications.c
        is_quiet = (columns.wanted_key == columns.told_key) & (columns.digest == "") & columns.is_held.is_(False)
        return self._read(select(notifications).where(is_quiet, columns.repeat_at <= now))

    def failing(self, since: datetime) -> list[Notification]:
        """What could not be delivered since then or longer, or was given up."""
        columns = notifications.c
        is_dead = (columns.wanted_key == columns.dead_key) & (columns.dead_key != "")
        query = select(notifications).where(
            columns.wanted_key != columns.told_key, or_(columns.failing_since <= since, is_dead)
        )
        return self._read(query)

    def due(self, receiver: str, now: datetime, limit: int) -> list[Notification]:
        """What should be sent to a receiver now, what is due longest first."""
        query = select(notifications).where(notifications.c.receiver == receiver, _is_due(now))
        return self._read(query.order_by(notifications.c.due_at, notifications.c.id).limit(limit))

    def claim(self, notification: str, by: str, now: datetime, until: datetime) -> Notification | None:
        """Take a notification for sending, until the lease ends; None where it is not due, or another one has it."""
        columns = notifications.c
        taken = (
            update(notifications)
            .where(columns.id == notification, _is_due(now))
            .values(
                lease_by=by,
                lease_until=until,
                claims=columns.claims + 1,
                unsure=case((columns.lease_by != "", columns.unsure + 1), else_=columns.unsure),
            )
        )
        with self._state.transaction() as connection:
            if not connection.execute(taken).rowcount:
                return None
            row = connection.execute(select(notifications).where(columns.id == notification)).mappings().one()
        return Notification(**row)

    def inherit(self, receiver: str, by: str, now: datetime, until: datetime) -> None:
        """Shorten the leases that are left from before: one's own end now, and those of others ``until`` then."""
        columns = notifications.c
        is_left = and_(columns.receiver == receiver, columns.lease_by != "")
        with self._state.transaction() as connection:
            for is_whose, end in ((columns.lease_by == by, now), (columns.lease_by != by, until)):
                left = and_(is_left, is_whose, columns.lease_until > end)
                connection.execute(update(notifications).where(left).values(lease_until=end))

    def settle(self, claimed: Notification, told: Told, values: Mapping[str, Any], again_at: datetime | None) -> bool:
        """Write down how a claimed notification went, and give it back; False where the lease was lost meanwhile.

        Args:
            claimed: as it was claimed.
            told: the line of the history; it is kept in any case.
            values: the columns of the outcome.
            again_at: when a change that came meanwhile may be told; None leaves that to its own time.
        """
        columns = notifications.c
        changes: dict[str, Any] = {**values, "lease_by": "", "lease_until": NEVER}
        if again_at is not None:
            is_newer = and_(columns.wanted_key != claimed.wanted_key, columns.due_at < again_at)
            changes["due_at"] = case((is_newer, again_at), else_=columns.due_at)
        mine = (columns.id == claimed.id) & (columns.claims == claimed.claims)
        with self._state.transaction() as connection:
            keep(connection, told)
            return bool(connection.execute(update(notifications).where(mine).values(**changes)).rowcount)

    def hasten(self, notification: str, now: datetime) -> None:
        """Have what waits for its time sent now."""
        with self._state.transaction() as connection:
            connection.execute(update(notifications).where(notifications.c.id == notification).values(due_at=now))

    def revive(self, receiver: str, now: datetime, notification: str | None = None) -> int:
        """Have what a receiver was given up for tried again from the beginning: all, or this one; how many."""
        columns = notifications.c
        is_dead = (columns.receiver == receiver) & (columns.wanted_key == columns.dead_key) & (columns.dead_key != "")
        if notification is not None:
            is_dead &= columns.id == notification
        values = {"dead_key": "", "attempts": 0, "retry_at": now, "failing_since": None}
        with self._state.transaction() as connection:
            return connection.execute(update(notifications).where(is_dead).values(**values)).rowcount

    def get(self, notification: str) -> Notification | None:
        return next(iter(self._read(select(notifications).where(notifications.c.id == notification))), None)

    def recent(self, receiver: str | None, subject: str | None, limit: int) -> list[Notification]:
        """Notifications, newest first."""
        query = select(notifications).order_by(notifications.c.created_at.desc(), notifications.c.id).limit(limit)
        for column, value in ((notifications.c.receiver, receiver), (notifications.c.subject, subject)):
            if value is not None:
                query = query.where(column == value)
        return self._read(query)

    def dead(self, limit: int) -> list[Notification]:
        """What was given up, newest first."""
        columns = notifications.c
        is_dead = (columns.wanted_key == columns.dead_key) & (columns.dead_key != "") & (columns.digest == "")
        return self._read(select(notifications).where(is_dead).order_by(columns.created_at.desc()).limit(limit))

    def counts(self, now: datetime) -> dict[str, dict[str, Any]]:
        """Receiver to ``waiting`` (due or not), ``dead``, ``unsure``, and ``overdue_since`` where something is late."""
        columns = notifications.c
        is_dead = and_(columns.wanted_key == columns.dead_key, columns.dead_key != "", columns.digest == "")
        query = select(
            columns.receiver,
            func.sum(case((_is_wanted(), 1), else_=0)).label("waiting"),
            func.sum(case((is_dead, 1), else_=0)).label("dead"),
            func.sum(columns.unsure).label("unsure"),
            func.min(case((and_(_is_wanted(), columns.due_at <= now), columns.due_at))).label("overdue_since"),
        ).group_by(columns.receiver)
        with self._state.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["receiver"]: {name: row[name] for name in row if name != "receiver"} for row in rows}

    def forget(self, before: datetime) -> None:
        """Take out what is over, and was last told before then."""
        columns = notifications.c
        is_old = and_(columns.is_over.is_(True), columns.created_at < before)
        is_still = or_(columns.told_at.is_(None), columns.told_at < before)
        with self._state.transaction() as connection:
            connection.execute(delete(notifications).where(is_old, is_still))

    def _read(self, query: Any) -> list[Notification]:
        with self._state.reading() as connection:
            return [Notification(**row) for row in connection.execute(query).mappings()]


def _is_wanted() -> ColumnElement[bool]:
    """Whether something is to be sent, now or later."""
    columns = notifications.c
    return and_(
        columns.wanted_key != columns.told_key,
        columns.wanted_key != columns.dead_key,
        columns.is_held.is_(False),
        columns.digest == "",
    )


def _is_fresh() -> ColumnElement[bool]:
    """Whether nobody has tried to send it yet."""
    columns = notifications.c
    return and_(columns.told_key == "", columns.attempts == 0, columns.lease_by == "")


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Whether it is to be sent now, and nobody is at it."""
    columns = notifications.c
    return and_(_is_wanted(), columns.due_at <= now, columns.retry_at <= now, columns.lease_until <= now)


def _row(value: Notification) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
