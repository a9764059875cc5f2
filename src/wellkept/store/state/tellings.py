"""What was told to whom and how it went, and how far escalations are, in the state store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, select

from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import notification_deliveries as deliveries
from wellkept.store.state.tables import notification_escalations as escalations

DELIVERED, FAILED, DEAD, DROPPED = "delivered", "failed", "dead", "dropped"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt to deliver. ``is_repeated``: an earlier one under this key ended without anybody knowing how."""

    number: int
    notification: str
    receiver: str
    subject: str
    key: str
    what: str
    at: datetime
    outcome: str
    attempt: int
    said: str
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Escalation:
    """How far the escalation of one thing by one policy is. ``due_at`` None: it has stopped, and ``why`` says so."""

    subject: str
    policy: str
    route: str
    step: int
    started_at: datetime
    due_at: datetime | None
    phase: str
    severity: int
    why: str = ""


class HistoryRows:
    """Attempts by number, and escalations by thing and policy."""

    def __init__(self, state: State) -> None:
        self._state = state

    def record(self, told: Told) -> None:
        """Keep an attempt that belongs to no notification (a test)."""
        with self._state.transaction() as connection:
            keep(connection, told)

    def history(self, receiver: str | None, outcome: str | None, limit: int, subject: str | None = None) -> list[Told]:
        """Attempts to deliver, newest first."""
        query = select(deliveries).order_by(deliveries.c.number.desc()).limit(limit)
        chosen = ((deliveries.c.receiver, receiver), (deliveries.c.outcome, outcome), (deliveries.c.subject, subject))
        for column, value in chosen:
            if value is not None:
                query = query.where(column == value)
        with self._state.reading() as connection:
            return [Told(**row) for row in connection.execute(query).mappings()]

    def last(self, receiver: str, outcomes: Sequence[str]) -> Told | None:
        """The newest attempt that went in one of some ways."""
        query = select(deliveries).where(deliveries.c.receiver == receiver, deliveries.c.outcome.in_(list(outcomes)))
        with self._state.reading() as connection:
            row = (
                connection.execute(query.order_by(deliveries.c.at.desc(), deliveries.c.number.desc()).limit(1))
                .mappings()
                .first()
            )
        return Told(**row) if row is not None else None

    def outcomes(self) -> dict[str, dict[str, int]]:
        """Receiver to outcome to number of attempts in the history."""
        query = select(deliveries.c.receiver, deliveries.c.outcome, func.count()).group_by(
            deliveries.c.receiver, deliveries.c.outcome
        )
        found: dict[str, dict[str, int]] = {}
        with self._state.reading() as connection:
            for receiver, outcome, count in connection.execute(query):
                found.setdefault(receiver, {})[outcome] = count
        return found

    def escalations(self, subjects: Sequence[str]) -> dict[str, list[Escalation]]:
        """Thing to how far its escalations are, in the order in which they were begun."""
        found: dict[str, list[Escalation]] = {}
        with self._state.reading() as connection:
            for start in range(0, len(subjects), _CHUNK):
                chosen = escalations.c.subject.in_(list(subjects[start : start + _CHUNK]))
                ordered = select(escalations).where(chosen).order_by(escalations.c.started_at, escalations.c.policy)
                for row in connection.execute(ordered).mappings():
                    found.setdefault(row["subject"], []).append(Escalation(**row))
        return found

    def due_escalations(self, now: datetime) -> list[Escalation]:
        """Escalations whose next step is due."""
        with self._state.reading() as connection:
            rows = connection.execute(select(escalations).where(escalations.c.due_at <= now)).mappings().all()
        return [Escalation(**row) for row in rows]

    def forget(self, before: datetime) -> None:
        """Take out attempts from before then, and escalations that have stopped and were begun before then."""
        over = and_(escalations.c.due_at.is_(None), escalations.c.started_at < before)
        with self._state.transaction() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.at < before))
            connection.execute(delete(escalations).where(over))


def keep(connection: Connection, told: Told) -> None:
    """Keep an attempt in a unit of work; the store gives its number."""
    row = {name: getattr(told, name) for name in told.__slots__ if name != "number"}
    connection.execute(insert(deliveries).values(**row))


def keep_escalations(connection: Connection, given: Sequence[Escalation]) -> None:
    """Keep how far escalations are in a unit of work."""
    upsert(connection, escalations, [{name: getattr(one, name) for name in one.__slots__} for one in given])
