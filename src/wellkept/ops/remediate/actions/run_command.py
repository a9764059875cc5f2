"""Run a command that a host's agent declares by name; no command line ever travels."""

from __future__ import annotations

from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.spine.agents import AgentDoor, AgentRecord


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
        return self._agents.perform(agent.id, key, self.name, {"command": command}, self.timeout_s)

    def _resolve(self, action: Action) -> tuple[AgentRecord, str]:
        command, host = str(action.arguments.get("command", "")), action.arguments.get("host")
        if not command:
            raise InputError("run_command.command", "is required: the name of a declared command")
        agent = self._agents.find(
            lambda hello: command in hello.get("commands", []) and (not host or hello.get("host_id") == host),
            f"command {command!r}",
        )
        return agent, command
