"""Topology rows: what exists, what depends on what, since when, and what has not been heard of for long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from tests.store.telemetry.scenes import at

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.store.state.state import State
from wellkept.store.state.tables import edges, entities
from wellkept.store.state.topology import TopologyRows

SHOP = Entity(EntityKind.SERVICE, "service:shop", "shop", {"service.name": "shop"}, "team a", 1)
HOST = Entity(EntityKind.HOST, "host:h1", "h1")
RUNS_ON = Edge("service:shop", "host:h1", EdgeKind.RUNS_ON, at(0))
DAY = 86_400.0


@pytest.fixture
def rows(state: State) -> TopologyRows:
    return TopologyRows(state)


def test_what_was_observed_comes_back(rows: TopologyRows) -> None:
    rows.observe([SHOP, HOST], [RUNS_ON], at(0))
    assert rows.entities(None, None) == [HOST, SHOP]
    assert rows.entities(EntityKind.HOST, None) == [HOST]
    assert rows.entity("service:shop") == SHOP
    assert rows.entity("unknown") is None
    assert rows.edges(None) == [RUNS_ON]


def test_an_entity_is_as_it_was_last_seen_and_an_edge_since_it_was_first(rows: TopologyRows) -> None:
    rows.observe([SHOP], [RUNS_ON], at(0))
    renamed = replace(SHOP, name="The shop")
    rows.observe([renamed], [replace(RUNS_ON, since=at(50))], at(50))
    assert rows.entity("service:shop") == renamed
    assert rows.edges(at(60)) == [RUNS_ON]


def test_a_moment_holds_nothing_that_came_later(rows: TopologyRows) -> None:
    rows.observe([HOST], [], at(0))
    rows.observe([HOST, SHOP], [], at(100))
    assert rows.entities(None, at(99)) == [HOST]
    assert rows.entities(None, at(100)) == [HOST, SHOP]


def test_an_edge_holds_from_its_beginning(rows: TopologyRows) -> None:
    rows.observe([], [replace(RUNS_ON, since=at(100))], at(100))
    assert rows.edges(at(99)) == []
    assert len(rows.edges(at(100))) == 1


def test_what_was_not_heard_of_for_a_day_is_forgotten_and_comes_back(rows: TopologyRows) -> None:
    rows.observe([SHOP], [RUNS_ON], at(0))
    assert (len(rows.entities(None, at(DAY))), len(rows.edges(at(DAY)))) == (1, 1)
    assert (rows.entities(None, at(DAY + 1)), rows.edges(at(DAY + 1))) == ([], [])
    assert rows.entity("service:shop") == SHOP
    rows.observe([SHOP], [RUNS_ON], at(2 * DAY))
    assert (len(rows.entities(None, at(2 * DAY))), len(rows.edges(at(2 * DAY)))) == (1, 1)


def test_two_of_the_same_in_one_observation(rows: TopologyRows) -> None:
    rows.observe([SHOP, replace(SHOP, name="later")], [RUNS_ON, RUNS_ON], at(0))
    assert [found.name for found in rows.entities(None, None)] == ["later"]
    assert rows.edges(None) == [RUNS_ON]


def test_nothing_observed(rows: TopologyRows) -> None:
    rows.observe([], [], at(0))
    assert rows.entities(None, None) == []


names = st.sampled_from(["service:a", "service:b", "host:c"])
observed = st.lists(st.tuples(names, names, st.sampled_from([EdgeKind.CALLS, EdgeKind.RUNS_ON])), max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(observed, st.randoms(use_true_random=False))
def test_the_order_of_observation_does_not_matter(
    rows: TopologyRows, state: State, found: list[tuple[str, str, EdgeKind]], order: object
) -> None:
    outcomes = []
    for _ in range(2):
        with state.transaction() as connection:
            connection.execute(delete(entities))
            connection.execute(delete(edges))
        for source, target, kind in found:
            things = [Entity(EntityKind(name.partition(":")[0]), name, name) for name in (source, target)]
            rows.observe(things, [Edge(source, target, kind, at(0))], at(0))
        outcomes.append((rows.entities(None, at(0)), rows.edges(at(0))))
        order.shuffle(found)  # type: ignore[attr-defined]
    assert outcomes[0] == outcomes[1]
