"""The part of the topology around an incident that is small enough to look at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from wellkept.kernel.diagnosis import Cause
from wellkept.kernel.entity import MINOR
from wellkept.kernel.finding import Finding
from wellkept.spine.graph import Graph
from wellkept.web.charts.neighbourhood import Link, Node
from wellkept.web.views import tone
from wellkept.web.views.looks import about
from wellkept.web.wording import bare, kind_of

MOST = 12


def around(
    graph: Graph, members: Sequence[str], cause: Cause | None, findings: Sequence[Finding]
) -> tuple[tuple[Node, ...], tuple[Link, ...]]:
    """The members, the likely cause, its way to where it is felt, and their neighbours, as far as there is room."""
    way = cause.path if cause is not None else ()
    chosen = _chosen(graph, members, cause)
    worst = tone.worst([finding for finding in findings if finding.is_open])
    nodes = []
    for entity in chosen:
        known = graph.entities.get(entity)
        shade = tone.of(worst[entity]) if entity in worst else ("info" if entity in members else "")
        name = known.name if known else bare(entity)
        is_cause = cause is not None and entity == cause.entity
        nodes.append(Node(entity, name, kind_of(entity), shade, is_cause, is_on_way=entity in way, href=about(entity)))
    return tuple(nodes), tuple(_links(graph, chosen, way))


def _chosen(graph: Graph, members: Sequence[str], cause: Cause | None) -> list[str]:
    """What is on the way comes first: it is there whatever else has to be left out."""
    if cause is None:
        chosen = dict.fromkeys(members)
    else:
        chosen = dict.fromkeys([cause.entity, *cause.path, *members])
        for member in members:
            chosen.update(dict.fromkeys(graph.path(cause.entity, member)))
    for entity in list(chosen):
        for neighbour in graph.neighbours(entity):
            if len(chosen) < MOST and not neighbour.startswith(MINOR):
                chosen[neighbour] = None
    return list(chosen)[:MOST]


def _links(graph: Graph, chosen: Sequence[str], way: Sequence[str]) -> list[Link]:
    """What depends on what; trouble goes along the way from what is depended on to what depends."""
    inside, steps = set(chosen), {(after, before) for before, after in pairwise(way)}
    found = []
    for source in chosen:
        for target in graph.dependencies(source):
            if target in inside:
                kinds = ", ".join(sorted(kind.value.replace("_", " ") for kind in graph.edge_kinds(source, target)))
                found.append(Link(source, target, kinds, is_way=(source, target) in steps))
    return found
