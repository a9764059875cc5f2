"""The topology that both loops share: what was seen, until it has not been seen for a day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.spine.scene import NOON

from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State

SHOP = Entity(EntityKind.SERVICE, "service:shop/checkout", "checkout", {"version": "1"}, "ann", 1)
HOST = Entity(EntityKind.HOST, "host:h1", "web-1")
RUNS = Edge(SHOP.id, HOST.id, EdgeKind.RUNS_ON, NOON)


@pytest.fixture
def topology(state: State) -> Topology:
    made = Topology(state)
    made.observe([SHOP, HOST], [RUNS], NOON)
    return made


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def test_what_was_seen_is_known(topology: Topology) -> None:
    assert topology.entity(SHOP.id) == SHOP
    assert topology.entity("host:h2") is None
    assert topology.entities(EntityKind.HOST) == [HOST]
    assert topology.graph().dependencies(SHOP.id) == {HOST.id: 1}


def test_seeing_it_again_updates_it_and_keeps_since_when(topology: Topology) -> None:
    newer = Entity(EntityKind.SERVICE, SHOP.id, "checkout", {"version": "2"})
    topology.observe([newer], [Edge(SHOP.id, HOST.id, EdgeKind.RUNS_ON, hours(1))], hours(1))

    assert topology.entity(SHOP.id) == newer
    assert [edge.since for edge in topology.edges()] == [NOON]


def test_what_is_not_seen_for_a_day_drops_out(topology: Topology) -> None:
    topology.observe([HOST], [], hours(20))

    assert topology.graph(hours(23)).entities.keys() == {SHOP.id, HOST.id}
    assert topology.graph(hours(25)).entities.keys() == {HOST.id}
    assert topology.graph(hours(25)).dependencies(SHOP.id) == {}
    assert topology.graph().entities.keys() == {SHOP.id, HOST.id}, "everything that was ever known"


def test_an_edge_does_not_hold_before_it_was_seen(topology: Topology) -> None:
    assert topology.edges(hours(-1)) == []
    assert topology.edges(hours(1)) == [RUNS]


def test_seeing_nothing_is_fine(topology: Topology) -> None:
    topology.observe([], [], hours(1))

    assert len(topology.entities()) == 2
