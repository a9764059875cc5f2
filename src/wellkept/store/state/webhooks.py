"""Webhooks in the state store: what waits to be sent, how far each source was read, and what has come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import webhook_deliveries as deliveries
from wellkept.store.state.tables import webhook_positions as positions
from wellkept.store.state.tables import webhooks_received as received

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. ``history`` is one entry an attempt: ``at``, ``status`` (0: none), ``said``."""

    number: int
    endpoint: str
    event: str
    type: str
    subject: str
    created_at: datetime
    body: str
    state: str
    attempts: int
    next_at: datetime
    reason: str = ""
    history: tuple[Mapping[str, Any], ...] = ()


class OutboxRows:
    """Deliveries by number, and positions by source."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, rows: Sequence[Delivery], moved: Mapping[str, str] | None = None) -> int:
        """Keep new deliveries, and how far the sources were read, in one unit; returns how many were new.

        An event that an endpoint has already is left as it is. ``number`` is given here.
        """
        found = 0
        with self._state.transaction() as connection:
            kind = sqlite if connection.dialect.name == "sqlite" else postgresql
            for row in rows:
                values = {name: getattr(row, name) for name in row.__slots__ if name != "number"}
                statement = kind.insert(deliveries).values(**{**values, "history": list(row.history)})
                done = connection.execute(statement.on_conflict_do_nothing(index_elements=["endpoint", "event"]))
                found += max(0, done.rowcount)
            if moved:
                upsert(connection, positions, [{"source": name, "position": to} for name, to in moved.items()])
        return found

    def positions(self) -> dict[str, str]:
        """How far each source was read."""
        with self._state.reading() as connection:
            return {row.source: row.position for row in connection.execute(select(positions))}

    def due(self, endpoint: str, now: datetime, limit: int) -> list[Delivery]:
        """What should be sent to an endpoint now, oldest first."""
        query = (
            select(deliveries)
            .where(deliveries.c.state == WAITING, deliveries.c.endpoint == endpoint, deliveries.c.next_at <= now)
            .order_by(deliveries.c.number)
            .limit(limit)
        )
        return self._read(query)

    def attempted(self, delivery: Delivery) -> None:
        """Keep how an attempt went."""
        values = {
            "state": delivery.state,
            "attempts": delivery.attempts,
            "next_at": delivery.next_at,
            "reason": delivery.reason,
            "history": list(delivery.history),
        }
        with self._state.transaction() as connection:
            connection.execute(update(deliveries).where(deliveries.c.number == delivery.number).values(**values))

    def get(self, number: int) -> Delivery | None:
        return next(iter(self._read(select(deliveries).where(deliveries.c.number == number))), None)

    def of_event(self, endpoint: str, event: str) -> Delivery | None:
        """The delivery of an event to an endpoint."""
        query = select(deliveries).where(deliveries.c.endpoint == endpoint, deliveries.c.event == event)
        return next(iter(self._read(query)), None)

    def recent(self, endpoint: str | None, state: str | None, limit: int) -> list[Delivery]:
        """Deliveries, newest first."""
        query = select(deliveries).order_by(deliveries.c.number.desc()).limit(limit)
        if endpoint is not None:
            query = query.where(deliveries.c.endpoint == endpoint)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        return self._read(query)

    def counts(self) -> dict[str, dict[str, int]]:
        """Endpoint to state to number of deliveries."""
        query = select(deliveries.c.endpoint, deliveries.c.state, func.count()).group_by(
            deliveries.c.endpoint, deliveries.c.state
        )
        found: dict[str, dict[str, int]] = {}
        with self._state.reading() as connection:
            for endpoint, state, count in connection.execute(query):
                found.setdefault(endpoint, {})[state] = count
        return found

    def forget(self, before: datetime, endpoints: Sequence[str]) -> int:
        """Take out what is older, and is settled or for none of the ``endpoints`` that there are now."""
        over = deliveries.c.state.in_([DELIVERED, DEAD]) | deliveries.c.endpoint.not_in(list(endpoints))
        with self._state.transaction() as connection:
            done = connection.execute(delete(deliveries).where(over, deliveries.c.created_at < before))
            return max(0, done.rowcount)

    def _read(self, query: Any) -> list[Delivery]:
        with self._state.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Delivery(**{**row, "history": tuple(row["history"])}) for row in rows]


class ReceivedRows:
    """What came in by a door, so that it is taken once."""

    def __init__(self, state: State) -> None:
        self._state = state

    def claim(self, door: str, key: str, at: datetime, abandoned_before: datetime) -> bool:
        """Whether a message is new; from now on it is not.

        One that was claimed before ``abandoned_before`` and never answered counts as new: whoever worked on it died.
        """
        abandoned = (received.c.door == door) & (received.c.key == key) & received.c.answer.is_(None)
        with self._state.transaction() as connection:
            kind = sqlite if connection.dialect.name == "sqlite" else postgresql
            statement = kind.insert(received).values(door=door, key=key, at=at, answer=None)
            if connection.execute(statement.on_conflict_do_nothing(index_elements=["door", "key"])).rowcount:
                return True
            again = update(received).where(abandoned, received.c.at < abandoned_before).values(at=at)
            return bool(connection.execute(again).rowcount)

    def answered(self, door: str, key: str, answer: Mapping[str, Any]) -> None:
        """Keep what a message was answered."""
        chosen = (received.c.door == door) & (received.c.key == key)
        with self._state.transaction() as connection:
            connection.execute(update(received).where(chosen).values(answer=dict(answer)))

    def answer(self, door: str, key: str) -> dict[str, Any] | None:
        """What a message was answered; None while it is still being worked on."""
        query = select(received.c.answer).where(received.c.door == door, received.c.key == key)
        with self._state.reading() as connection:
            found: dict[str, Any] | None = connection.execute(query).scalar()
        return found

    def release(self, door: str, key: str) -> None:
        """Let a message come again: it could not be worked on."""
        with self._state.transaction() as connection:
            connection.execute(delete(received).where(received.c.door == door, received.c.key == key))

    def forget(self, before: datetime) -> None:
        with self._state.transaction() as connection:
            connection.execute(delete(received).where(received.c.at < before))
