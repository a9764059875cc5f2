"""The topology at one moment, as a graph: who depends on whom, how far apart, by which path."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from wellkept.kernel.entity import Edge, EdgeKind, Entity


class Graph:
    """An immutable view. An edge ``source -> target`` says that the source depends on the target."""

    def __init__(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:
        self.entities: Mapping[str, Entity] = {entity.id: entity for entity in entities}
        self._out: dict[str, dict[str, set[EdgeKind]]] = defaultdict(dict)
        self._in: dict[str, dict[str, set[EdgeKind]]] = defaultdict(dict)
        for edge in edges:
            self._out[edge.source].setdefault(edge.target, set()).add(edge.kind)
            self._in[edge.target].setdefault(edge.source, set()).add(edge.kind)

    def is_like(self, other: Graph) -> bool:
        """Whether both hold the same entities and edges."""
        return self._out == other._out and self.entities == other.entities

    def called(self, entity: str) -> str:
        """An entity's id, with the name that people know in place of a machine's, which says nothing to them."""
        known = self.entities.get(entity)
        return entity if known is None or entity.endswith(known.name) else f"{known.kind}:{known.name}"

    def dependencies(self, entity: str, depth: int = 1) -> dict[str, int]:
        """What the entity depends on, down to ``depth`` hops: id to hops, nearest first."""
        return _reach(self._out, entity, depth)

    def dependents(self, entity: str, depth: int = 1) -> dict[str, int]:
        """What depends on the entity, up to ``depth`` hops: id to hops, nearest first."""
        return _reach(self._in, entity, depth)

    def below(self, entity: str, kind: EdgeKind) -> list[str]:
        """What else the entity depends on by an edge of a kind, ordered."""
        return _by(self._out.get(entity, {}), entity, kind)

    def above(self, entity: str, kind: EdgeKind) -> list[str]:
        """What else depends on the entity by an edge of a kind, ordered."""
        return _by(self._in.get(entity, {}), entity, kind)

    def neighbours(self, entity: str) -> list[str]:
        """Both sides, ordered."""
        return sorted(self._out.get(entity, {}).keys() | self._in.get(entity, {}).keys())

    def edge_kinds(self, source: str, target: str) -> frozenset[EdgeKind]:
        """The kinds of the edges between two entities, in either direction."""
        return frozenset(self._out.get(source, {}).get(target, set()) | self._out.get(target, {}).get(source, set()))

    def path(self, source: str, target: str, limit: int = 4) -> tuple[str, ...]:
        """A shortest path in either direction of the edges, both ends included; empty when longer than ``limit``."""
        if source == target:
            return (source,)
        before: dict[str, str] = {source: ""}
        queue = deque([(source, 0)])
        while queue:
            here, hops = queue.popleft()
            if hops == limit:
                continue
            for neighbour in self.neighbours(here):
                if neighbour in before:
                    continue
                before[neighbour] = here
                if neighbour == target:
                    return _walk_back(before, target)
                queue.append((neighbour, hops + 1))
        return ()

    def distance(self, source: str, target: str, limit: int = 4) -> int | None:
        """Hops between two entities in either direction; None when further than ``limit``."""
        path = self.path(source, target, limit)
        return len(path) - 1 if path else None


def _by(links: Mapping[str, set[EdgeKind]], start: str, kind: EdgeKind) -> list[str]:
    return sorted(other for other, kinds in links.items() if kind in kinds and other != start)


def _reach(links: Mapping[str, Mapping[str, object]], start: str, depth: int) -> dict[str, int]:
    found: dict[str, int] = {}
    frontier = [start]
    for hops in range(1, depth + 1):
        reached = sorted({target for here in frontier for target in links.get(here, {})})
        frontier = [target for target in reached if target not in found and target != start]
        found.update(dict.fromkeys(frontier, hops))
    return found


def _walk_back(before: Mapping[str, str], target: str) -> tuple[str, ...]:
    path = [target]
    while before[path[-1]]:
        path.append(before[path[-1]])
    return tuple(reversed(path))
