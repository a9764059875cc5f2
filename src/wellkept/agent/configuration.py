"""What an agent is allowed and asked to do, from ``agent.yaml``. Read once; a key that nobody knows is refused."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wellkept.agent.limits import check
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
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Strict)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"agent configuration {path}", f"is not YAML: {error}") from error
    try:
        value = {} if value is None else value
        _refuse_unknown(value, AgentConfiguration, "")
        configuration = decode(AgentConfiguration, value)
        check(configuration)
    except InputError as error:
        field = error.thing.removeprefix(AgentConfiguration.__name__).strip(".") or "document"
        raise InputError(f"{path}: {field}", error.rule, error.value) from error
    return configuration


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice: the first of two lists of what is allowed would silently not count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is there twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def _refuse_unknown(value: Any, kind: Any, where: str) -> None:
    """Refuse every key that nobody knows, at any depth, by name."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind)
        for key, item in value.items():
            if key not in hints:
                raise InputError(f"{where}{key}", f"is not a known field; known are {', '.join(sorted(hints))}", item)
            _refuse_unknown(item, hints[key], f"{where}{key}.")
    elif origin is tuple and isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unknown(item, arguments[0], f"{where}{index}.")
    elif origin is Mapping and isinstance(value, dict):
        for key, item in value.items():
            _refuse_unknown(item, arguments[1], f"{where}{key}.")
