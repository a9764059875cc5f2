"""The door to the agents: nothing is handed out twice, nothing is lost, and nobody waits longer than needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.spine.scene import NOON

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ActionError, NotFoundError
from wellkept.kernel.plan import ActionResult
from wellkept.spine.action import Interrupted
from wellkept.spine.agents import AgentDoor
from wellkept.store.state.state import State

LONG = 60.0
"""Longer than any test: a wait that ends earlier was woken up."""
DONE = {"ok": True, "changed": True, "sentence": "restarted", "details": {"before": 1, "after": 2}}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def door(state: State, clock: SettableClock) -> Iterator[AgentDoor]:
    made = AgentDoor(state, clock)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def until(condition: Callable[[], Any], within_s: float = 20.0) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return found


def asked(
    door: AgentDoor, pool: ThreadPoolExecutor, key: str = "pln-1:0", timeout_s: float = LONG
) -> Future[ActionResult]:
    """An action asked for in the background, once it is in the queue."""
    future = pool.submit(door.perform, "h1", key, "restart_service", {"service": "a"}, timeout_s)
    until(lambda: future.done() or any(action["key"] == key for action in door.fetch("h1", 0)))
    return future


def test_an_action_is_handed_out_done_and_answered(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    result = asked(door, pool)

    assert door.fetch("h1", 0) == [{"key": "pln-1:0", "name": "restart_service", "arguments": {"service": "a"}}]
    assert door.report("h1", "pln-1:0", DONE) is True

    assert result.result(LONG) == ActionResult(True, True, "restarted", {"before": 1, "after": 2})


def test_a_long_poll_wakes_up_when_an_action_arrives(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    polls, counting = threading.Event(), door._rows.waiting

    def waiting(agent: str) -> list[dict[str, Any]]:
        found = counting(agent)
        polls.set()
        return found

    door._rows.waiting = waiting  # type: ignore[method-assign]
    poll = pool.submit(door.fetch, "h1", LONG)
    assert polls.wait(LONG)
    polls.clear()
    asked_for = pool.submit(door.perform, "h1", "pln-1:0", "restart_service", {}, LONG)

    assert [action["key"] for action in poll.result(LONG / 2)] == ["pln-1:0"]
    door.report("h1", "pln-1:0", DONE)
    asked_for.result(LONG)


def test_a_poll_that_finds_nothing_ends_empty(door: AgentDoor) -> None:
    assert door.fetch("h1", 0) == []
    assert door.fetch("h1", 0.01) == []


def test_a_key_with_a_result_is_never_handed_out_again(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    first = asked(door, pool)
    door.report("h1", "pln-1:0", DONE)
    first.result(LONG)

    again = door.perform("h1", "pln-1:0", "restart_service", {"service": "a"}, LONG)

    assert again == first.result()
    assert door.fetch("h1", 0) == []


def test_an_action_without_a_result_is_handed_out_again_under_its_key(
    door: AgentDoor, pool: ThreadPoolExecutor
) -> None:
    """An agent that crashed asks again, and answers from its journal."""
    result = asked(door, pool)

    assert door.fetch("h1", 0) == door.fetch("h1", 0) != []

    door.report("h1", "pln-1:0", DONE)
    result.result(LONG)


def test_actions_are_for_their_agent_alone(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    result = asked(door, pool)

    assert door.fetch("h2", 0) == []
    assert door.report("h2", "pln-1:0", DONE) is False
    assert not result.done()

    assert door.report("h1", "pln-1:0", DONE) is True
    assert result.result(LONG).ok


def test_the_first_result_stands(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    result = asked(door, pool)
    assert door.report("h1", "pln-1:0", DONE) is True

    assert door.report("h1", "pln-1:0", {"ok": False, "sentence": "changed my mind"}) is False

    assert result.result(LONG).sentence == "restarted"


def test_a_result_under_an_unknown_key_is_not_taken(door: AgentDoor) -> None:
    assert door.report("h1", "pln-0:0", DONE) is False


def test_an_agent_that_does_not_report_in_time(door: AgentDoor) -> None:
    with pytest.raises(ActionError, match=r"^agent h1 did not report on restart_service within 0\.01 s$") as raised:
        door.perform("h1", "pln-1:0", "restart_service", {}, 0.01)

    assert raised.value.retry_helps


def test_asking_again_under_the_same_key_goes_on(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    with pytest.raises(ActionError):
        door.perform("h1", "pln-1:0", "restart_service", {"service": "a"}, 0.01)

    result = asked(door, pool)

    assert [action["key"] for action in door.fetch("h1", 0)] == ["pln-1:0"]
    door.report("h1", "pln-1:0", DONE)
    assert result.result(LONG).ok


def test_what_everybody_gave_up_on_is_not_done_days_later(door: AgentDoor) -> None:
    with pytest.raises(ActionError):
        door.perform("h1", "pln-1:0", "restart_service", {}, 0.01)

    assert door.fetch("h1", 0) == []


def test_a_closing_server_sends_everybody_home_and_keeps_the_action(
    state: State, clock: SettableClock, pool: ThreadPoolExecutor
) -> None:
    closing = AgentDoor(state, clock)
    result, poll = asked(closing, pool), pool.submit(closing.fetch, "h2", LONG)
    closing.close()

    assert poll.result(LONG / 2) == []
    assert isinstance(result.exception(LONG / 2), Interrupted)

    after = AgentDoor(state, clock)
    assert [action["key"] for action in after.fetch("h1", 0)] == ["pln-1:0"]
    again = pool.submit(after.perform, "h1", "pln-1:0", "restart_service", {"service": "a"}, LONG)
    assert after.report("h1", "pln-1:0", DONE) is True
    assert again.result(LONG).ok


def test_a_bare_result_is_enough(door: AgentDoor, pool: ThreadPoolExecutor) -> None:
    result = asked(door, pool)
    door.report("h1", "pln-1:0", {"ok": False, "details": None})

    assert result.result(LONG) == ActionResult(False, False, "", {})


def test_agents_are_found_by_what_they_declare(door: AgentDoor, clock: SettableClock) -> None:
    door.hello("old", {"commands": ["cache-flush"]})
    clock.advance(timedelta(seconds=1))
    door.hello("new", {"commands": ["cache-flush"]})
    door.hello("other", {"commands": []})

    found = door.find(lambda hello: "cache-flush" in hello["commands"], "command cache-flush")

    assert (found.id, found.last_seen) == ("new", clock.now())


def test_an_agent_that_polls_is_seen(door: AgentDoor, clock: SettableClock) -> None:
    door.hello("h1", {})
    clock.advance(timedelta(seconds=30))
    door.fetch("h1", 0)

    assert door.agents()[0].last_seen == clock.now()


def test_an_agent_says_hello_anew(door: AgentDoor) -> None:
    door.hello("h1", {"commands": ["a"]})
    door.hello("h1", {"commands": ["b"]})

    assert [agent.hello for agent in door.agents()] == [{"commands": ["b"]}]


def test_when_no_agent_fits_the_wish_is_named(door: AgentDoor) -> None:
    with pytest.raises(NotFoundError, match=r"^agent: none declares command 'x' \(see the agent's configuration\)$"):
        door.find(lambda hello: False, "command 'x'")
