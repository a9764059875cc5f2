"""Agents and their queue: an action is handed out until its result is in, and settled once."""

from __future__ import annotations

import pytest
from tests.store.telemetry.scenes import at

from wellkept.store.state.agents import AgentRecord, AgentRows
from wellkept.store.state.state import State


@pytest.fixture
def rows(state: State) -> AgentRows:
    return AgentRows(state)


def test_an_agent_is_what_it_last_said_of_itself(rows: AgentRows) -> None:
    rows.hello("h2", at(0), {"actions": ["restart_service"]})
    rows.hello("h1", at(1), {"actions": []})
    rows.hello("h2", at(2), {"actions": ["delete_old_logs"]})
    rows.seen("h1", at(3))
    rows.seen("unknown", at(4))
    assert rows.all() == [
        AgentRecord("h1", at(3), {"actions": []}),
        AgentRecord("h2", at(2), {"actions": ["delete_old_logs"]}),
    ]


def test_actions_wait_in_order_until_their_result_is_in(rows: AgentRows) -> None:
    for number in (2, 1, 3):
        rows.enqueue("h1", f"k{number}", {"name": "restart", "number": number}, at(number))
    rows.enqueue("h2", "other", {"name": "restart"}, at(0))
    assert [action["key"] for action in rows.waiting("h1")] == ["k1", "k2", "k3"]
    assert rows.waiting("h1")[0] == {"key": "k1", "name": "restart", "number": 1}
    assert rows.settle("h1", "k2", {"ok": True})
    assert [action["key"] for action in rows.waiting("h1")] == ["k1", "k3"]
    assert rows.result("k2") == {"ok": True}
    assert rows.result("k1") is None


def test_a_key_is_queued_once(rows: AgentRows) -> None:
    rows.enqueue("h1", "k1", {"name": "first"}, at(0))
    rows.enqueue("h1", "k1", {"name": "second"}, at(1))
    assert [action["name"] for action in rows.waiting("h1")] == ["first"]
    rows.settle("h1", "k1", {"ok": True})
    rows.enqueue("h1", "k1", {"name": "third"}, at(2))
    assert rows.waiting("h1") == []


def test_a_result_is_taken_once_and_only_from_the_agent_it_was_handed_to(rows: AgentRows) -> None:
    rows.enqueue("h1", "k1", {}, at(0))
    assert not rows.settle("h2", "k1", {"ok": False})
    assert not rows.settle("h1", "unknown", {"ok": False})
    assert rows.settle("h1", "k1", {"ok": True})
    assert not rows.settle("h1", "k1", {"ok": False})
    assert rows.result("k1") == {"ok": True}
    assert rows.result("unknown") is None
