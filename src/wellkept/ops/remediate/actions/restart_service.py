"""Restart a service by the command that its host's agent declares for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellkept.kernel.entity import EntityKind, service_id
from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.ops.remediate.arguments import refuse_unknown
from wellkept.spine.agents import AgentDoor, AgentRecord


class RestartService:
    """The target is a service entity; its requests fail for as long as the restart takes. There are no arguments."""

    name = "restart_service"
    risk = Risk.MEDIUM
    timeout_s = 90.0

    def __init__(self, agents: AgentDoor) -> None:
        self._agents = agents

    def preview(self, action: Action) -> str:
        agent, service = self._resolve(action)
        return f"on {agent.hello.get('host_name', agent.id)}: restart {service['service']} by its declared command"

    def run(self, action: Action, key: str) -> ActionResult:
        agent, service = self._resolve(action)
        return self._agents.perform(agent.id, key, self.name, service, self.timeout_s)

    def _resolve(self, action: Action) -> tuple[AgentRecord, dict[str, str]]:
        """The agent that may restart the service, and the service as that agent knows it."""
        refuse_unknown(self.name, action.arguments, frozenset())
        if not action.target.startswith(f"{EntityKind.SERVICE}:"):
            raise InputError("restart_service.target", "must be a service", action.target)

        def declared(hello: Mapping[str, Any]) -> dict[str, str] | None:
            for service in hello.get("services", []):
                name, namespace = str(service["name"]), str(service.get("namespace") or "")
                if service_id(name, namespace) == action.target and service.get("restartable", True):
                    return {"service": name, "namespace": namespace}
            return None

        what = f"a restart command for service {action.target.removeprefix('service:')}"
        agent = self._agents.find(lambda hello: declared(hello) is not None, what)
        return agent, declared(agent.hello) or {}
