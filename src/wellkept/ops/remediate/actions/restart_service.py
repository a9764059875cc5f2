"""Restart a service by the command that its host's agent declares for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellkept.kernel.entity import service_id
from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.spine.agents import AgentDoor, AgentRecord


class RestartService:
    """The target is a service entity; its requests fail for as long as the restart takes."""

    name = "restart_service"
    risk = Risk.MEDIUM
    timeout_s = 90.0

    def __init__(self, agents: AgentDoor) -> None:
        self._agents = agents

    def preview(self, action: Action) -> str:
        agent, service = self._resolve(action)
        return f"on {agent.hello.get('host_name', agent.id)}: restart {service} by its declared command"

    def run(self, action: Action, key: str) -> ActionResult:
        agent, service = self._resolve(action)
        return self._agents.perform(agent.id, key, self.name, {"service": service}, self.timeout_s)

    def _resolve(self, action: Action) -> tuple[AgentRecord, str]:
        if not action.target.startswith("service:"):
            raise InputError("restart_service.target", "must be a service", action.target)

        def name_in(hello: Mapping[str, Any]) -> str:
            for service in hello.get("services", []):
                if service_id(service["name"], service.get("namespace") or "") == action.target:
                    return str(service["name"])
            return ""

        agent = self._agents.find(lambda hello: bool(name_in(hello)), f"service {action.target}")
        return agent, name_in(agent.hello)
