"""The door to the agents: actions wait here until the agent of that host fetches them, and results come back.

An action travels under its key. A key that has a result is never handed out again, and an agent answers a key that it
has seen from its own journal, so a crash on either side does nothing twice. An action waits here only while somebody
waits for its result: an agent that comes back days later must not do what everybody has given up on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ActionError, NotFoundError
from wellkept.kernel.plan import ActionResult
from wellkept.spine.action import Interrupted
from wellkept.store.state.agents import AgentRecord, AgentRows
from wellkept.store.state.state import State

__all__ = ["AgentDoor", "AgentRecord"]

LOOK_AGAIN_S = 2.0
"""Everybody who waits is woken by what they wait for; a look now and then is for what another process wrote."""


class AgentDoor:
    """Hands actions to agents and waits for what they report."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._rows, self._clock = AgentRows(state), clock
        self._changed = threading.Condition()
        self._is_open = True

    def close(self) -> None:
        """Send everybody who waits here home; what they wait for goes on at the next start."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def hello(self, agent: str, hello: Mapping[str, Any]) -> None:
        """Take in what an agent says of itself: its host, and what it is allowed to do there."""
        self._rows.hello(agent, self._clock.now(), hello)

    def agents(self) -> list[AgentRecord]:
        return self._rows.all()

    def find(self, declares: Callable[[Mapping[str, Any]], bool], what: str) -> AgentRecord:
        """The agent that was heard last among those whose hello fits.

        Raises:
            NotFoundError: no agent fits; ``what`` says in words what was looked for.
        """
        fitting = [agent for agent in self._rows.all() if declares(agent.hello)]
        if not fitting:
            raise NotFoundError("agent", f"none declares {what} (see the agent's configuration)")
        return max(fitting, key=lambda agent: agent.last_seen)

    def fetch(self, agent: str, wait_s: float) -> list[dict[str, Any]]:
        """The actions that wait for an agent; waits up to ``wait_s`` seconds for the first."""
        self._rows.seen(agent, self._clock.now())
        return self._wait(lambda: self._rows.waiting(agent), wait_s) or []

    def report(self, agent: str, key: str, result: Mapping[str, Any]) -> bool:
        """Take an action's result; False when none is open under that key."""
        settled = self._rows.settle(agent, key, result)
        with self._changed:
            self._changed.notify_all()
        return settled

    def perform(self, agent: str, key: str, name: str, arguments: Mapping[str, Any], timeout_s: float) -> ActionResult:
        """Have an agent do something, and wait for its result.

        Raises:
            ActionError: the agent did not report in time; asking again under the same key is safe.
            Interrupted: the door was closed first; what the agent does is asked for again at the next start.
        """
        self._rows.enqueue(agent, key, {"name": name, "arguments": dict(arguments)}, self._clock.now())
        with self._changed:
            self._changed.notify_all()
        result = self._wait(lambda: self._rows.result(key), timeout_s)
        if result is None and not self._is_open:
            raise Interrupted
        if result is None:
            self._rows.withdraw(key)
            message = f"agent {agent} did not report on {name} within {timeout_s:g} s"
            raise ActionError(message, retry_helps=True)
        return ActionResult(
            ok=bool(result["ok"]),
            changed=bool(result.get("changed", False)),
            sentence=str(result.get("sentence", "")),
            details=dict(result.get("details") or {}),
        )

    def _wait(self, look: Callable[[], Any], wait_s: float) -> Any:
        """The first truthy answer of ``look`` within ``wait_s`` seconds, else its last."""
        deadline = time.monotonic() + wait_s
        while True:
            with self._changed:
                found = look()
                left = deadline - time.monotonic()
                if found or left <= 0 or not self._is_open:
                    return found
                self._changed.wait(min(left, LOOK_AGAIN_S))
