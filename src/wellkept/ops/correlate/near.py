"""Which entities are near one another in the topology: what each depends on, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wellkept.kernel.entity import EdgeKind
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.spine.graph import Graph

MODEL_SIDE = frozenset({"model", "model_version", "deployment", "feature", "dataset", "pipeline"})
"""Entity kinds of the ml loop; findings about them come later than what causes them."""


@dataclass(frozen=True, slots=True)
class Relation:
    """How one entity depends on another: the path from the dependent to what it depends on."""

    path: tuple[str, ...]

    @property
    def hops(self) -> int:
        return len(self.path) - 1


BLIND_AT = 5
"""So many services without a single dependency among them: their telemetry does not tell who calls whom."""


class Hub(NamedTuple):
    """Something that several entities depend on, and how many.

    Where nobody tells what depends on what, ``entity`` is empty: any service may have to do with any other. Inputs that
    come with the requests of a model have the model in its place: one caller fills in all of them.
    """

    entity: str
    dependents: int


class Neighbourhood:
    """Which entities are related closely enough, remembered per graph.

    A host is no path: two things on one host have nothing to do with each other unless the host itself has a
    finding, and then they are both related to that.
    """

    def __init__(self, graph: Graph, settings: CorrelateSettings) -> None:
        self._graph, self._settings = graph, settings
        services = [entity for entity in graph.entities if kind_of(entity) == "service"]
        told = any(kind_of(target) != "host" for entity in services for target in graph.dependencies(entity))
        self.unlinked = 0 if told or len(services) < BLIND_AT else len(services)
        """How many services there are, where nobody tells what depends on what; else 0."""
        self._down: dict[str, dict[str, Relation]] = {}
        self._hubs: dict[str, tuple[Hub, ...]] = {}
        self._up: dict[str, frozenset[str]] = {}

    def below(self, entity: str) -> dict[str, Relation]:
        """What the entity depends on closely enough, with a shortest path, never through a host."""
        found = self._down.get(entity)
        if found is None:
            found = self._down[entity] = self._walk(entity)
        return found

    def above(self, entity: str) -> frozenset[str]:
        """Every entity that may have this one among what it depends on (a superset)."""
        found = self._up.get(entity)
        if found is None:
            found = self._up[entity] = frozenset(self._graph.dependents(entity, self._settings.model_hops))
        return found

    def hubs(self, entity: str) -> tuple[Hub, ...]:
        """What the entity directly depends on and may share with others; never a host."""
        found = self._hubs.get(entity)
        if found is None:
            direct = sorted(target for target in self._graph.dependencies(entity) if kind_of(target) != "host")
            found = tuple(Hub(target, len(self._graph.dependents(target))) for target in direct)
            if self.unlinked and kind_of(entity) == "service":
                found = (*found, Hub("", self.unlinked))
            if kind_of(entity) == "feature" and not self._graph.below(entity, EdgeKind.FED_BY):
                models = self._graph.above(entity, EdgeKind.READS)
                found += tuple(Hub(model, len(self._graph.below(model, EdgeKind.READS))) for model in models)
            self._hubs[entity] = found
        return found

    def _walk(self, start: str) -> dict[str, Relation]:
        found: dict[str, Relation] = {}
        frontier: list[tuple[str, ...]] = [(start,)]
        for _ in range(self._settings.model_hops):
            nearer: list[tuple[str, ...]] = []
            for path in frontier:
                for target in sorted(self._graph.dependencies(path[-1])):
                    if target != start and target not in found:
                        found[target] = Relation((*path, target))
                        if kind_of(target) != "host":
                            nearer.append(found[target].path)
            frontier = nearer
        if kind_of(start) in MODEL_SIDE:
            return found
        limit = self._settings.hops
        return {end: way for end, way in found.items() if way.hops <= limit or kind_of(end) in MODEL_SIDE}


def bare(entity: str) -> str:
    """An entity's id without its kind, for sentences."""
    return entity.partition(":")[2]


def kind_of(entity: str) -> str:
    """The kind in an entity's id."""
    return entity.partition(":")[0]
