"""The part of the topology around an incident that is small enough to look at."""

from __future__ import annotations

from collections.abc import Sequence

from wellkept.kernel.finding import Finding
from wellkept.spine.graph import Graph
from wellkept.web.charts.neighbourhood import Link, Node
from wellkept.web.views import tone
from wellkept.web.wording import bare, kind_of

MOST = 12
MINOR = ("process:", "endpoint:")
"""Not shown unless they are part of the incident: every service has them."""


def around(
    graph: Graph, members: Sequence[str], causes: Sequence[str], findings: Sequence[Finding]
) -> tuple[tuple[Node, ...], tuple[Link, ...]]:
    """The members, the causes, what lies between them, and their nearest neighbours, as far as there is room."""
    chosen = _chosen(graph, members, causes)
    worst = tone.worst([finding for finding in findings if finding.is_open])
    nodes = []
    for entity in chosen:
        known = graph.entities.get(entity)
        shade = tone.of(worst[entity]) if entity in worst else ("info" if entity in members else "")
        name = known.name if known else bare(entity)
        nodes.append(Node(entity, name, kind_of(entity), shade, is_cause=bool(causes) and entity == causes[0]))
    return tuple(nodes), tuple(_links(graph, chosen))


def _chosen(graph: Graph, members: Sequence[str], causes: Sequence[str]) -> list[str]:
    chosen = dict.fromkeys([*causes[:1], *members])
    for cause in causes[:1]:
        for member in members:
            chosen.update(dict.fromkeys(graph.path(cause, member)))
    for entity in list(chosen):
        for neighbour in graph.neighbours(entity):
            if len(chosen) < MOST and not neighbour.startswith(MINOR):
                chosen[neighbour] = None
    return list(chosen)[:MOST]


def _links(graph: Graph, chosen: Sequence[str]) -> list[Link]:
    inside = set(chosen)
    found = []
    for source in chosen:
        for target in graph.dependencies(source):
            if target in inside:
                kinds = ", ".join(sorted(kind.value.replace("_", " ") for kind in graph.edge_kinds(source, target)))
                found.append(Link(source, target, kinds))
    return found
