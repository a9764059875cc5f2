"""Delete old log files below a directory that the host's agent declares."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.entity import EntityKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.ops.remediate.arguments import number, refuse_unknown
from wellkept.spine.agents import AgentDoor, AgentRecord

ARGUMENTS = frozenset({"directory", "path", "pattern", "min_age_s", "keep_newest", "dry_run"})


class DeleteOldLogs:
    """Arguments: ``directory``, ``path`` (inside it), ``pattern``, ``min_age_s``, ``keep_newest``, ``dry_run``.

    The agent holds the allow-list and has the last word: it resolves links, and touches nothing outside. What the
    action leaves open (the pattern, the age) is taken from the agent's declaration, never widened.
    """

    name = "delete_old_logs"
    risk = Risk.LOW
    timeout_s = 60.0

    def __init__(self, agents: AgentDoor) -> None:
        self._agents = agents

    def preview(self, action: Action) -> str:
        agent, declared, arguments = self._resolve(action)
        patterns = arguments["pattern"] or ", ".join(declared.get("patterns", []))
        return (
            f"on {agent.hello.get('host_name', agent.id)}: delete files {patterns} older than "
            f"{arguments['min_age_s']:g} s below {arguments['directory']}, keeping the newest "
            f"{arguments['keep_newest']}"
        )

    def run(self, action: Action, key: str) -> ActionResult:
        agent, _, arguments = self._resolve(action)
        return self._agents.perform(agent.id, key, self.name, arguments, self.timeout_s)

    def _resolve(self, action: Action) -> tuple[AgentRecord, Mapping[str, Any], dict[str, Any]]:
        given = action.arguments
        refuse_unknown(self.name, given, ARGUMENTS)
        directory = _directory(given)
        host = action.target.split(":")[1] if action.target.startswith(f"{EntityKind.DISK}:") else ""

        def declares(hello: Mapping[str, Any]) -> bool:
            return (not host or hello.get("host_id") == host) and _declared(hello, directory) is not None

        agent = self._agents.find(declares, f"log directory {directory}")
        declared = _declared(agent.hello, directory) or {}
        pattern = str(given.get("pattern") or "")
        if pattern and pattern not in declared.get("patterns", []):
            raise InputError(f"{self.name}.pattern", f"must be one that is declared for {declared['path']}", pattern)
        return (
            agent,
            declared,
            {
                "directory": directory,
                "pattern": pattern,
                "min_age_s": max(number(self.name, given, "min_age_s", 0), float(declared.get("min_age_s", 0))),
                "keep_newest": int(number(self.name, given, "keep_newest", 1)),
                "dry_run": bool(given.get("dry_run", False)),
            },
        )


def _directory(given: Mapping[str, Any]) -> str:
    """The directory that is meant: ``path`` where there is one, which must lie in ``directory``."""
    directory = str(given.get("directory") or "")
    path = str(given.get("path") or directory)
    for name, value in (("directory", directory), ("path", path)):
        if not value.startswith("/"):
            raise InputError(f"delete_old_logs.{name}", "must be an absolute path", value)
    if not _is_within(path, directory):
        raise InputError("delete_old_logs.path", f"must lie inside directory {directory}", path)
    return path


def _is_within(path: str, root: str) -> bool:
    inner, outer = os.path.normpath(path), os.path.normpath(root)
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def _declared(hello: Mapping[str, Any], directory: str) -> Mapping[str, Any] | None:
    """The declaration that covers a directory, the nearest one; the agent checks again with links resolved."""
    covering = [declared for declared in hello.get("directories", []) if _is_within(directory, str(declared["path"]))]
    return max(covering, key=lambda declared: len(os.path.normpath(str(declared["path"]))), default=None)
