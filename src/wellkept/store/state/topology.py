"""Entities and edges in the state store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import edges, entities


class TopologyRows:
    """Reads and writes what exists and what depends on what."""

    def __init__(self, state: State, *, forget_after: timedelta = timedelta(hours=24)) -> None:
        self._state = state
        self._forget_after = forget_after

    def observe(self, seen: Iterable[Entity], links: Iterable[Edge], at: datetime) -> None:
        """Note that these exist at ``at``; both keep the moment since which they are known."""
        entity_rows = [{"id": e.id, "kind": e.kind, "last_seen": at, "body": encode(e), "first_seen": at} for e in seen]
        edge_rows = [
            {"source": e.source, "target": e.target, "kind": e.kind, "since": e.since, "last_seen": at} for e in links
        ]
        with self._state.transaction() as connection:
            upsert(connection, entities, entity_rows, keep=frozenset({"first_seen"}))
            upsert(connection, edges, edge_rows, keep=frozenset({"since"}))

    def entity(self, entity: str) -> Entity | None:
        with self._state.reading() as connection:
            body = connection.execute(select(entities.c.body).where(entities.c.id == entity)).scalar()
        return decode(Entity, body) if body is not None else None

    def of(self, ids: Sequence[str]) -> list[Entity]:
        """Those of these entities that are known."""
        found: list[Entity] = []
        with self._state.reading() as connection:
            for part in chunks(ids):
                bodies = connection.execute(select(entities.c.body).where(entities.c.id.in_(part))).scalars()
                found.extend(decode(Entity, body) for body in bodies)
        return found

    def entities(self, kind: EntityKind | None, at: datetime | None) -> list[Entity]:
        """The entities that were there at ``at`` (None: all that are known), ordered."""
        query = select(entities.c.body).order_by(entities.c.id)
        if kind is not None:
            query = query.where(entities.c.kind == kind)
        if at is not None:
            had_come = or_(entities.c.first_seen.is_(None), entities.c.first_seen <= at)
            query = query.where(had_come, entities.c.last_seen >= at - self._forget_after)
        with self._state.reading() as connection:
            return [decode(Entity, body) for body in connection.execute(query).scalars()]

    def edges(self, at: datetime | None) -> list[Edge]:
        """The edges that held at ``at`` (None: all that are known), ordered."""
        query = select(edges).order_by(edges.c.source, edges.c.target, edges.c.kind)
        if at is not None:
            query = query.where(edges.c.since <= at, edges.c.last_seen >= at - self._forget_after)
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
        return [Edge(row.source, row.target, EdgeKind(row.kind), row.since) for row in rows]
