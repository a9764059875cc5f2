"""Delete old log files below a directory that the host's agent declares."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.entity import EntityKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.spine.agents import AgentDoor, AgentRecord


class DeleteOldLogs:
    """Arguments: ``directory``, ``path`` (a folder inside it), ``pattern``, ``min_age_s``, ``keep_newest``.

    The agent holds the allow-list and has the last word: it resolves links, and touches nothing outside. What the
    action leaves open (the pattern, the age) is taken from the agent's declaration, never widened.
    """

    name = "delete_old_logs"
    risk = Risk.LOW
    timeout_s = 60.0

    def __init__(self, agents: AgentDoor) -> None:
        self._agents = agents

    def preview(self, action: Action) -> str:
        agent, arguments = self._resolve(action)
        return (
            f"on {agent.hello.get('host_name', agent.id)}: delete files {arguments['pattern']} older than "
            f"{arguments['min_age_s']:g} s below {arguments['directory']}, keeping the newest "
            f"{arguments['keep_newest']}"
        )

    def run(self, action: Action, key: str) -> ActionResult:
        agent, arguments = self._resolve(action)
        return self._agents.perform(agent.id, key, self.name, arguments, self.timeout_s)

    def _resolve(self, action: Action) -> tuple[AgentRecord, dict[str, Any]]:
        given = action.arguments
        directory = str(given.get("path") or given.get("directory") or "")
        if not directory.startswith("/"):
            raise InputError("delete_old_logs.directory", "must be an absolute path", directory)
        host = action.target.split(":")[1] if action.target.startswith(f"{EntityKind.DISK}:") else ""

        def declares(hello: Mapping[str, Any]) -> bool:
            return (not host or hello.get("host_id") == host) and _declared(hello, directory) is not None

        agent = self._agents.find(declares, f"log directory {directory}")
        declared = _declared(agent.hello, directory) or {}
        min_age_s = max(float(given.get("min_age_s", 0)), float(declared.get("min_age_s", 0)))
        pattern = str(given.get("pattern") or next(iter(declared.get("patterns", [])), ""))
        if pattern not in declared.get("patterns", []):
            raise InputError("delete_old_logs.pattern", f"must be one that is declared for {declared['path']}", pattern)
        return agent, {
            "directory": directory,
            "pattern": pattern,
            "min_age_s": min_age_s,
            "keep_newest": int(given.get("keep_newest", 1)),
            "dry_run": bool(given.get("dry_run", False)),
        }


def _declared(hello: Mapping[str, Any], directory: str) -> Mapping[str, Any] | None:
    """The declaration that covers a directory; the agent checks again with links resolved."""
    wanted = os.path.normpath(directory)
    for declared in hello.get("directories", []):
        root = os.path.normpath(str(declared["path"]))
        if wanted == root or wanted.startswith(root.rstrip("/") + "/"):
            return dict(declared)
    return None
