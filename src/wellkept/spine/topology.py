"""The one topology of both loops: hosts, services and disks beside models, features and deployments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from wellkept.kernel.entity import Edge, Entity, EntityKind
from wellkept.spine.catalogue import Catalogue
from wellkept.spine.graph import Graph
from wellkept.store.state.state import State
from wellkept.store.state.topology import TopologyRows


class Topology:
    """What exists and what depends on what, as last observed.

    Owners, tiers and declared dependencies are those of the catalogue, laid over what was observed when it is read.
    """

    def __init__(self, state: State, catalogue: Catalogue | None = None) -> None:
        self._rows, self._catalogue = TopologyRows(state), catalogue or Catalogue()

    def observe(self, entities: Iterable[Entity], edges: Iterable[Edge], at: datetime) -> None:
        """Note that these exist at ``at``. What is not seen again for a day drops out of the graph."""
        self._rows.observe(entities, edges, at)

    def entity(self, entity: str) -> Entity | None:
        found = self._rows.entity(entity)
        return self._catalogue.describe(found) if found is not None else None

    def entities(self, kind: EntityKind | None = None, at: datetime | None = None) -> list[Entity]:
        return self._catalogue.described(self._rows.entities(kind, at))

    def edges(self, at: datetime | None = None) -> list[Edge]:
        return self._rows.edges(at)

    def graph(self, at: datetime | None = None) -> Graph:
        """The topology at ``at`` (None: everything known) as a graph."""
        entities = self._rows.entities(None, at)
        return Graph(self._catalogue.described(entities), [*self._rows.edges(at), *self._declared(entities)])

    def _declared(self, entities: Iterable[Entity]) -> list[Edge]:
        return self._catalogue.declared([entity.id for entity in entities])
