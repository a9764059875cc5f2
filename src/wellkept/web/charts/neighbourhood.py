"""A small graph: what depends on what around an incident, the dependents above what they depend on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wellkept.web.charts.svg import element, place, svg

BOX_HEIGHT, GAP_X, GAP_Y, PER_ROW = 34.0, 12.0, 34.0, 3
WIDTH = 460.0


@dataclass(frozen=True, slots=True)
class Node:
    """One entity. ``tone`` is its health (empty: nothing is known against it); the cause is framed, and so, thinner,
    is what its trouble goes through (``is_on_way``).
    """

    id: str
    name: str
    kind: str
    tone: str = ""
    is_cause: bool = False
    is_on_way: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """``source`` depends on ``target``; ``is_way``: trouble goes along it, from the target to the source."""

    source: str
    target: str
    kind: str
    is_way: bool = False


def neighbourhood(nodes: Sequence[Node], links: Sequence[Link], title: str) -> Markup:
    """The graph in layers; an edge points from what depends to what it depends on."""
    if not nodes:
        return Markup('<p class="nothing">No entity is known here.</p>')
    rows = _rows(nodes, links)
    places = _places(rows)
    height = len(rows) * (BOX_HEIGHT + GAP_Y) - GAP_Y + 8
    parts = [*_links(links, places), *_boxes(nodes, places)]
    words = f"{title}: " + "; ".join(f"{link.source} {link.kind} {link.target}" for link in links[:20])
    return svg(WIDTH, height, parts, title=words, kind="graph")


def layers(nodes: Sequence[Node], links: Sequence[Link]) -> Mapping[str, int]:
    """The layer of each node: one below the lowest that depends on it. Cycles end where they began."""
    known = {node.id for node in nodes}
    depth = dict.fromkeys(sorted(known), 0)
    inside = [link for link in links if link.source in known and link.target in known and link.source != link.target]
    for _ in range(min(len(known), 6)):
        moved = False
        for link in inside:
            if depth[link.target] < depth[link.source] + 1 <= 5:
                depth[link.target], moved = depth[link.source] + 1, True
        if not moved:
            break
    return depth


def _rows(nodes: Sequence[Node], links: Sequence[Link]) -> list[list[Node]]:
    """Nodes by layer, a full layer broken into several rows."""
    by_layer: dict[int, list[Node]] = defaultdict(list)
    depth = layers(nodes, links)
    for node in sorted(nodes, key=lambda node: (node.kind, node.name)):
        by_layer[depth[node.id]].append(node)
    rows: list[list[Node]] = []
    for layer in sorted(by_layer):
        line = by_layer[layer]
        rows += [line[start : start + PER_ROW] for start in range(0, len(line), PER_ROW)]
    return rows


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float


def _places(rows: Sequence[Sequence[Node]]) -> dict[str, _Box]:
    found: dict[str, _Box] = {}
    for index, row in enumerate(rows):
        width = min(180.0, (WIDTH - 4 - GAP_X * (len(row) - 1)) / len(row))
        left = (WIDTH - len(row) * width - GAP_X * (len(row) - 1)) / 2
        for column, node in enumerate(row):
            found[node.id] = _Box(left + column * (width + GAP_X), 4 + index * (BOX_HEIGHT + GAP_Y), width)
    return found


def _links(links: Sequence[Link], places: Mapping[str, _Box]) -> Iterator[Markup]:
    for link in links:
        source, target = places.get(link.source), places.get(link.target)
        if source is None or target is None:
            continue
        x1, x2 = source.x + source.width / 2, target.x + target.width / 2
        way = 1.0 if target.y >= source.y else -1.0
        y1 = source.y + (BOX_HEIGHT if way > 0 else 0)
        tip = target.y + (0 if way > 0 else BOX_HEIGHT)
        y2, middle = tip - 5 * way, (y1 + tip) / 2
        path = (
            f"M{place(x1)},{place(y1)} C{place(x1)},{place(middle)} {place(x2)},{place(middle)} {place(x2)},{place(y2)}"
        )
        title = element("title", f"{link.source} {link.kind} {link.target}")
        way_cls = " way" if link.is_way else ""
        yield element("path", title, cls=f"edge{way_cls}", d=path)
        head = f"{place(x2)},{place(tip)} {place(x2 - 3)},{place(y2)} {place(x2 + 3)},{place(y2)}"
        yield element("polygon", cls=f"arrow{way_cls}", points=head)


def _boxes(nodes: Sequence[Node], places: Mapping[str, _Box]) -> Iterator[Markup]:
    for node in nodes:
        box = places[node.id]
        cls = f"node {node.tone or 'quiet'} {'cause' if node.is_cause else 'on-way' if node.is_on_way else ''}"
        room = int((box.width - 20) / 6.3)
        name = node.name if len(node.name) <= room else f"{node.name[: room - 1]}…"
        size = {"x": place(box.x), "y": place(box.y), "width": place(box.width), "height": place(BOX_HEIGHT)}
        inside = [
            element("title", f"{node.kind} {node.id}"),
            element("rect", **size, rx="4"),
            element("circle", cx=place(box.x + 11), cy=place(box.y + 12.5), r="3"),
            element("text", name, cls="name", x=place(box.x + 20), y=place(box.y + 16)),
            element("text", node.kind, cls="kind", x=place(box.x + 20), y=place(box.y + 28)),
        ]
        box_of = element("g", *inside, cls=cls)
        yield element("a", box_of, href=node.href) if node.href else box_of
