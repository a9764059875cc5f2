"""What an agent is allowed and asked to do, from ``agent.yaml``. Read once; a key that nobody knows is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wellkept.kernel.codec import decode
from wellkept.kernel.errors import InputError, NotFoundError


@dataclass(frozen=True, slots=True)
class Service:
    """A service of this host: where its pid is written, and the command that restarts it (None: it may not be)."""

    name: str
    pid_file: str
    namespace: str = ""
    restart: tuple[str, ...] = ()
    memory_limit_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Log files to follow, by a glob; ``service`` says whose they are."""

    path: str
    service: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class LogDirectory:
    """A directory in which old logs may be deleted: only files of these patterns, never younger than this."""

    path: str
    patterns: tuple[str, ...]
    min_age_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command that may be run by its name."""

    argv: tuple[str, ...]
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Quota:
    """A directory with a limit of its own, reported as a filesystem."""

    path: str
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class AgentConfiguration:
    """The whole of it. ``id`` is the host's id unless something else is said."""

    url: str = ""
    token: str = ""
    token_file: str = ""
    state: str = ".wellkept/agent"
    id: str = ""
    interval_s: float = 10.0
    top_processes: int = 5
    attributes: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    logs: tuple[LogFiles, ...] = ()
    directories: tuple[LogDirectory, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)
    filesystems: tuple[Quota, ...] = ()


def load_configuration(path: Path | None) -> AgentConfiguration:
    """The configuration of a file (None: the defaults).

    Raises:
        NotFoundError: there is no such file.
        InputError: names the field, the rule and the value.
    """
    if path is None:
        return AgentConfiguration()
    if not path.is_file():
        raise NotFoundError(f"agent configuration {path}", "is not a file")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise InputError(f"agent configuration {path}", f"is not YAML: {error}") from error
    _check(value, AgentConfiguration, str(path))
    return _checked(decode(AgentConfiguration, value), str(path))


def _check(value: Any, kind: type, where: str) -> None:
    """Refuse what is not a mapping, and every unknown key, by name."""
    if not isinstance(value, dict):
        raise InputError(where, "must be a mapping of fields", value)
    known = {f.name: f for f in dataclasses.fields(kind)}
    for key in value:
        if key not in known:
            raise InputError(f"{where}: {key}", f"is not a known field; known are {', '.join(sorted(known))}")
    lists: dict[str, type] = {
        "services": Service, "logs": LogFiles, "directories": LogDirectory, "filesystems": Quota,
    }  # fmt: skip
    for name in lists.keys() & value.keys() if kind is AgentConfiguration else ():
        for index, item in enumerate(value[name] or ()):
            _check(item, lists[name], f"{where}: {name}.{index}")
    for name, item in (value.get("commands") or {}).items() if kind is AgentConfiguration else ():
        _check(item, Command, f"{where}: commands.{name}")


def _checked(configuration: AgentConfiguration, where: str) -> AgentConfiguration:
    for index, directory in enumerate(configuration.directories):
        if not Path(directory.path).is_absolute():
            raise InputError(f"{where}: directories.{index}.path", "must be an absolute path", directory.path)
        if not directory.patterns:
            raise InputError(f"{where}: directories.{index}.patterns", "must name at least one pattern")
    if configuration.interval_s <= 0:
        raise InputError(f"{where}: interval_s", "must be more than 0 seconds", configuration.interval_s)
    return configuration
