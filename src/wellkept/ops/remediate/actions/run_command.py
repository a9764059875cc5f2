"""Run a command that a host's agent declares by name; no command line ever travels."""

from __future__ import annotations

from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.ops.remediate.arguments import refuse_unknown
from wellkept.spine.agents import AgentDoor, AgentRecord

ON_TOP_S = 30.0
"""Seconds that a command's way to the agent and back may take."""


class RunCommand:
    """Arguments: ``command``, the declared name; ``host``, the ``host.id`` where several agents declare it."""

    name = "run_command"
    risk = Risk.MEDIUM
    timeout_s = 300.0

    def __init__(self, agents: AgentDoor) -> None:
        self._agents = agents

    def preview(self, action: Action) -> str:
        agent, command = self._resolve(action)
        return f"on {agent.hello.get('host_name', agent.id)}: run the declared command {command!r}"

    def run(self, action: Action, key: str) -> ActionResult:
        agent, command = self._resolve(action)
        declared_s = float((agent.hello.get("command_timeouts") or {}).get(command, 0))
        timeout_s = max(self.timeout_s, declared_s + ON_TOP_S)
        return self._agents.perform(agent.id, key, self.name, {"command": command}, timeout_s)

    def _resolve(self, action: Action) -> tuple[AgentRecord, str]:
        refuse_unknown(self.name, action.arguments, frozenset({"command", "host"}))
        command, host = str(action.arguments.get("command") or ""), action.arguments.get("host")
        if not command:
            raise InputError("run_command.command", "is required: the name of a declared command")
        agent = self._agents.find(
            lambda hello: command in hello.get("commands", []) and (not host or hello.get("host_id") == host),
            f"command {command!r}" + (f" on host {host}" if host else ""),
        )
        return agent, command
