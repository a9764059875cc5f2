"""When two findings are one problem, and the sentence that says why. Pure: only the two, the graph and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.spine.graph import Graph

MODEL_SIDE = frozenset({"model", "model_version", "deployment", "feature", "dataset", "pipeline"})
"""Entity kinds of the ml loop; findings about them come later than what causes them."""


@dataclass(frozen=True, slots=True)
class Why:
    """What ties a finding to the others of its group: which tie, what it rests on, and both as a sentence."""

    tie: Tie
    sentence: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Relation:
    """How one entity depends on another: the path from the dependent to what it depends on."""

    path: tuple[str, ...]
    shared: str = ""
    """Both depend on this one; then neither depends on the other."""

    @property
    def hops(self) -> int:
        return 2 if self.shared else len(self.path) - 1


class Neighbourhood:
    """Which entities are related closely enough, remembered per graph.

    A host is no path: two things on one host have nothing to do with each other unless the host itself has a
    finding, and then they are both related to that.
    """

    def __init__(self, graph: Graph, settings: CorrelateSettings) -> None:
        self._graph, self._settings = graph, settings
        self._paths: dict[str, dict[str, tuple[str, ...]]] = {}

    def relation(self, a: str, b: str) -> Relation | None:
        """How two different entities are related, the shorter direction; None when they are not."""
        limit = self._settings.hops
        if kind_of(a) in MODEL_SIDE or kind_of(b) in MODEL_SIDE:
            limit = self._settings.model_hops
        down, up = self._down(a).get(b), self._down(b).get(a)
        paths = sorted((path for path in (down, up) if path and len(path) - 1 <= limit), key=len)
        if paths:
            return Relation(paths[0])
        shared = sorted(self._direct(a) & self._direct(b))
        return Relation((), shared[0]) if shared else None

    def related(self, entity: str) -> frozenset[str]:
        """Every entity that could be related to this one (a superset, cheap to look up)."""
        near = set(self._down(entity))
        for target in self._direct(entity):
            near.update(self._graph.dependents(target))
        near.update(self._graph.dependents(entity, self._settings.model_hops))
        return frozenset(near - {entity})

    def _direct(self, entity: str) -> set[str]:
        return {target for target in self._graph.dependencies(entity) if kind_of(target) != "host"}

    def _down(self, start: str) -> dict[str, tuple[str, ...]]:
        """Everything that ``start`` depends on, with a shortest path, never through a host."""
        if start not in self._paths:
            found: dict[str, tuple[str, ...]] = {}
            frontier: list[tuple[str, ...]] = [(start,)]
            for _ in range(self._settings.model_hops):
                nearer: list[tuple[str, ...]] = []
                for path in frontier:
                    for target in sorted(self._graph.dependencies(path[-1])):
                        if target != start and target not in found:
                            found[target] = (*path, target)
                            if kind_of(target) != "host":
                                nearer.append(found[target])
                frontier = nearer
            self._paths[start] = found
        return self._paths[start]


def why_linked(a: Finding, b: Finding, near: Neighbourhood, settings: CorrelateSettings) -> Why | None:
    """Why two findings are one problem; None when they are not. Symmetric in ``a`` and ``b``."""
    if not a.entity or not b.entity:
        return None
    if a.entity == b.entity:
        return _same_entity(a, b, settings)
    if not _may_spread(a, b):
        return None
    relation = near.relation(a.entity, b.entity)
    if relation is None:
        return None
    values = {"apart_s": f"{_apart(a, b):.0f}"}
    if relation.shared:
        apart = _apart(a, b)
        if apart > settings.onset_s:
            return None
        sentence = f"both depend on {bare(relation.shared)} and began {apart:.0f} s apart"
        return Why(Tie.SHARED_DEPENDENCY, sentence, values | {"shared": relation.shared})
    effect, cause = (a, b) if relation.path[0] == a.entity else (b, a)
    when = _when(cause, effect, settings)
    if when is None:
        return None
    sentence = f"{bare(effect.entity)} depends on {_route(relation.path)}, and {when}"
    return Why(Tie.DEPENDS_ON, sentence, values | {"path": " > ".join(relation.path)})


def bare(entity: str) -> str:
    """An entity's id without its kind, for sentences."""
    return entity.partition(":")[2]


def kind_of(entity: str) -> str:
    """The kind in an entity's id."""
    return entity.partition(":")[0]


def _same_entity(a: Finding, b: Finding, settings: CorrelateSettings) -> Why | None:
    apart = _apart(a, b)
    first, second = sorted((a, b), key=lambda finding: (finding.starts_at, finding.fingerprint))
    if apart <= settings.onset_s or _covers(first, second.starts_at):
        sentence = f"same entity ({bare(a.entity)}), began {apart:.0f} s apart"
        return Why(Tie.SAME_ENTITY, sentence, {"apart_s": f"{apart:.0f}"})
    return None


def _may_spread(a: Finding, b: Finding) -> bool:
    """Whether one can have to do with the other across entities.

    What is only forecast has no effects yet, so it reaches another entity only as the same resource (the memory of
    a service and of its host). A disk is related to its host only through the same resource, or the host's silence.
    """
    same_resource = bool(a.attributes.get("resource")) and a.attributes.get("resource") == b.attributes.get("resource")
    if FindingKind.FORECAST in (a.kind, b.kind):
        return same_resource
    if {kind_of(a.entity), kind_of(b.entity)} == {"disk", "host"}:
        return same_resource or FindingKind.MISSING_DATA in (a.kind, b.kind)
    return True


def _when(cause: Finding, effect: Finding, settings: CorrelateSettings) -> str | None:
    apart = _apart(cause, effect)
    is_model = kind_of(effect.entity) in MODEL_SIDE and kind_of(cause.entity) not in MODEL_SIDE
    limit = settings.model_onset_s if is_model else settings.onset_s
    if apart <= limit:
        return f"they began {apart:.0f} s apart"
    tail = timedelta(seconds=settings.model_onset_s if is_model else 0.0)
    if _covers(cause, effect.starts_at, tail):
        return f"it began while the trouble of {bare(cause.entity)} went on"
    return None


def _covers(finding: Finding, moment: datetime, tail: timedelta = timedelta(0)) -> bool:
    return finding.starts_at <= moment and (finding.ends_at is None or moment <= finding.ends_at + tail)


def _apart(a: Finding, b: Finding) -> float:
    return abs((a.starts_at - b.starts_at).total_seconds())


def _route(path: tuple[str, ...]) -> str:
    through = " and ".join(bare(step) for step in path[1:-1])
    return bare(path[-1]) + (f" (through {through})" if through else "")
