"""Who depends on whom, against brute force, and in whatever order it was learned."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.spine.graph import Graph

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
NAMES = tuple("abcdefg")


def entity(name: str) -> Entity:
    return Entity(EntityKind.SERVICE, name, name)


def edge(source: str, target: str, kind: EdgeKind = EdgeKind.CALLS) -> Edge:
    return Edge(source, target, kind, NOON)


def graph(*pairs: tuple[str, str]) -> Graph:
    return Graph(map(entity, NAMES), [edge(source, target) for source, target in pairs])


EDGES = st.lists(
    st.builds(edge, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(list(EdgeKind))), max_size=14
)
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))


def hops(edges: list[Edge], start: str, *, both_ways: bool = False) -> dict[str, int]:
    """The least number of hops to everything, by trying walks of every length."""
    steps = {(e.source, e.target) for e in edges}
    if both_ways:
        steps |= {(target, source) for source, target in steps}
    found = {start: 0}
    for length in range(1, len(NAMES)):
        here = {name for name, far in found.items() if far == length - 1}
        for source, target in steps:
            if source in here:
                found.setdefault(target, length)
    return found


def answers(made: Graph) -> list[Any]:
    """Everything that a graph can be asked."""
    pairs = list(itertools.product(NAMES, repeat=2))
    return [
        [made.dependencies(name, 3) for name in NAMES],
        [made.dependents(name, 3) for name in NAMES],
        [made.neighbours(name) for name in NAMES],
        [made.path(source, target) for source, target in pairs],
        [made.edge_kinds(source, target) for source, target in pairs],
    ]


@given(EDGES, st.randoms())
def test_edits_commute(edges: list[Edge], random: Any) -> None:
    shuffled = [*edges, *edges[:3]]
    random.shuffle(shuffled)

    assert answers(Graph(map(entity, reversed(NAMES)), shuffled)) == answers(Graph(map(entity, NAMES), edges))


@given(EDGES, st.sampled_from(NAMES), st.integers(1, 5))
def test_dependencies_are_what_walks_reach(edges: list[Edge], start: str, depth: int) -> None:
    made = Graph(map(entity, NAMES), edges)
    expected = {name: far for name, far in hops(edges, start).items() if 0 < far <= depth}

    assert made.dependencies(start, depth) == expected
    assert list(made.dependencies(start, depth).values()) == sorted(expected.values()), "nearest first"


@given(EDGES, PAIRS)
def test_a_dependent_is_a_dependency_seen_from_the_other_end(edges: list[Edge], pair: tuple[str, str]) -> None:
    made = Graph(map(entity, NAMES), edges)
    source, target = pair

    assert (target in made.dependencies(source, 6)) == (source in made.dependents(target, 6))


@given(EDGES, st.sampled_from(NAMES), st.sampled_from(list(EdgeKind)))
def test_ends_of_edges_of_a_kind(edges: list[Edge], name: str, kind: EdgeKind) -> None:
    made = Graph(map(entity, NAMES), edges)
    wanted = [one for one in edges if one.kind is kind and one.source != one.target]
    assert made.below(name, kind) == sorted({one.target for one in wanted if one.source == name})
    assert made.above(name, kind) == sorted({one.source for one in wanted if one.target == name})


@given(EDGES, PAIRS, st.integers(0, 5))
def test_a_path_is_a_shortest_walk_in_either_direction(edges: list[Edge], pair: tuple[str, str], limit: int) -> None:
    made = Graph(map(entity, NAMES), edges)
    source, target = pair
    far = hops(edges, source, both_ways=True).get(target)

    path = made.path(source, target, limit)

    if far is None or far > limit:
        assert path == ()
        assert made.distance(source, target, limit) is None
    else:
        assert (path[0], path[-1], len(path) - 1) == (source, target, far)
        assert made.distance(source, target, limit) == far
        assert all(after in made.neighbours(before) for before, after in itertools.pairwise(path))


def test_an_edge_points_to_what_is_needed() -> None:
    shop = graph(("a", "b"), ("b", "c"))

    assert shop.dependencies("a", 2) == {"b": 1, "c": 2}
    assert shop.dependents("c", 2) == {"b": 1, "a": 2}
    assert shop.dependencies("c") == {}


def test_a_circle_ends() -> None:
    circle = graph(("a", "b"), ("b", "c"), ("c", "a"))

    assert circle.dependencies("a", 10) == {"b": 1, "c": 2}


def test_edges_between_two_are_told_in_either_direction() -> None:
    made = Graph([], [edge("a", "b"), edge("b", "a", EdgeKind.READS)])

    assert made.edge_kinds("a", "b") == made.edge_kinds("b", "a") == {EdgeKind.CALLS, EdgeKind.READS}


@pytest.mark.parametrize("question", ["dependencies", "dependents", "neighbours"])
def test_what_is_not_known_has_no_company(question: str) -> None:
    made = graph(("a", "b"))

    assert not getattr(made, question)("nobody")
    assert made.path("nobody", "a") == ()
    assert answers(made) == answers(graph(("a", "b"))), "asking changes nothing"
