"""What the server asks of an agent: it says hello, fetches actions by long poll, does them once, reports results."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from wellkept import __version__
from wellkept.agent.actions.base import Action
from wellkept.agent.actions.delete_old_logs import delete_old_logs
from wellkept.agent.actions.restart_service import restart_service
from wellkept.agent.actions.run_command import run_command
from wellkept.agent.configuration import AgentConfiguration
from wellkept.agent.journal import Journal
from wellkept.kernel.errors import ActionError, InputError, WellkeptError
from wellkept.sdk.answers import error_of
from wellkept.sdk.connection import Connection

log = logging.getLogger(__name__)

ACTIONS: dict[str, Action] = {
    "delete_old_logs": delete_old_logs,
    "restart_service": restart_service,
    "run_command": run_command,
}

POLL_S = 20
TIMEOUT_S = POLL_S + 10
HELLO_EVERY_S = 60.0
PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0


class Orders:
    """Takes orders from the server at the other end of a connection."""

    def __init__(
        self,
        agent: str,
        configuration: AgentConfiguration,
        resource: Mapping[str, str],
        connection: Connection,
        journal: Journal,
    ) -> None:
        self._agent, self._configuration, self._resource = agent, configuration, resource
        self._connection, self._journal = connection, journal
        self._said_hello = -math.inf
        self._pause_s = PAUSE_S
        self._at_work = threading.Lock()
        self._is_closed = False

    def turn(self) -> float:
        """Say hello when it is time, wait for actions, do them, and report."""
        try:
            if time.monotonic() - self._said_hello > HELLO_EVERY_S:
                self.hello()
            began = time.monotonic()
            actions = self._ask("GET", f"/actions?wait={POLL_S}")["actions"]
            for action in actions:
                result = self.perform(action)
                self._ask("POST", "/results", {"results": [{"key": action["key"], **result}]})
        except WellkeptError as error:
            log.info("actions: %s", error)
            self._said_hello = -math.inf  # a server that was away may have forgotten this agent
            pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, LONGEST_PAUSE_S)
            return pause_s
        self._pause_s = PAUSE_S
        is_sent_home = not actions and time.monotonic() - began < PAUSE_S
        return PAUSE_S if is_sent_home else 0.0

    def hello(self) -> None:
        """Tell the server what this host is, and what is allowed here.

        Raises:
            WellkeptError: the server is away, or refuses.
        """
        configuration = self._configuration
        hello = {
            "host_id": self._resource["host.id"],
            "host_name": self._resource["host.name"],
            "version": __version__,
            "services": [
                {"name": service.name, "namespace": service.namespace, "restartable": bool(service.restart)}
                for service in configuration.services
            ],
            "directories": [
                {"path": d.path, "patterns": list(d.patterns), "min_age_s": d.min_age_s}
                for d in configuration.directories
            ],
            "commands": sorted(configuration.commands),
            "command_timeouts": {name: command.timeout_s for name, command in configuration.commands.items()},
        }
        self._ask("POST", "/hello", hello)
        self._said_hello = time.monotonic()

    def perform(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """Do what was asked, once: a key that was begun before is answered from the journal.

        Raises:
            WellkeptError: the agent is being stopped, and begins nothing any more.
        """
        with self._at_work:
            if self._is_closed:
                raise WellkeptError("the agent is being stopped")
            known = self._journal.begin(action["key"])
            if known is not None:
                return known
            result = _done(self._configuration, str(action.get("name", "")), action.get("arguments") or {})
            self._journal.finish(action["key"], result)
            return result

    def close(self, patience_s: float) -> None:
        """Begin nothing more; wait for the action that is under way, so that its outcome is noted."""
        is_idle = self._at_work.acquire(timeout=patience_s)
        self._is_closed = True
        if is_idle:
            self._at_work.release()
            self._journal.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        whole = f"/api/v1/agents/{self._agent}{path}"
        answer = self._connection.request(method, whole, sent, {"Content-Type": "application/json"})
        if not answer.is_success:
            raise error_of(f"{method} {whole}", answer.status, answer.headers, answer.body)
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise WellkeptError(f"{method} {whole}: the answer is no JSON; is it Wellkept?") from error


def _done(configuration: AgentConfiguration, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The result of an action. This is the edge at which whatever it raises becomes its result."""
    try:
        if name not in ACTIONS:
            raise InputError("action", f"must be one of {', '.join(sorted(ACTIONS))}", name)
        return ACTIONS[name](configuration, arguments)
    except (InputError, ActionError) as error:
        return {"ok": False, "changed": False, "sentence": str(error), "details": {}}
    except Exception as error:
        log.exception("action %s failed in a way that nobody foresaw", name)
        sentence = f"{name} failed unexpectedly: {type(error).__name__}: {error}"
        return {"ok": False, "changed": True, "sentence": sentence, "details": {"unknown_outcome": True}}
