"""The one topology of both loops: hosts, services and disks beside models, features and deployments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from wellkept.kernel.entity import Edge, Entity, EntityKind
from wellkept.spine.graph import Graph
from wellkept.store.state.state import State
from wellkept.store.state.topology import TopologyRows


class Topology:
    """What exists and what depends on what, as last observed."""

    def __init__(self, state: State) -> None:
        self._rows = TopologyRows(state)

    def observe(self, entities: Iterable[Entity], edges: Iterable[Edge], at: datetime) -> None:
        """Note that these exist at ``at``. What is not seen again for a day drops out of the graph."""
        self._rows.observe(entities, edges, at)

    def entity(self, entity: str) -> Entity | None:
        return self._rows.entity(entity)

    def entities(self, kind: EntityKind | None = None, at: datetime | None = None) -> list[Entity]:
        return self._rows.entities(kind, at)

    def edges(self, at: datetime | None = None) -> list[Edge]:
        return self._rows.edges(at)

    def graph(self, at: datetime | None = None) -> Graph:
        """The topology at ``at`` (None: everything known) as a graph."""
        return Graph(self._rows.entities(None, at), self._rows.edges(at))
