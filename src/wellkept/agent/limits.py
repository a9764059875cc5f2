"""The rules that an agent's configuration must keep beyond its types; what it allows is no place for guesses."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from wellkept.kernel.errors import InputError

if TYPE_CHECKING:
    from wellkept.agent.configuration import AgentConfiguration, Command, LogDirectory, Service

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


def check(configuration: AgentConfiguration) -> None:
    """Check what is allowed and asked for.

    Raises:
        InputError: names the field by its path (``directories.0.path``), the rule and the value.
    """
    if configuration.id and not _ID.fullmatch(configuration.id):
        raise InputError("id", "must be letters, digits, '.', '_' and '-', at most 120 of them", configuration.id)
    if configuration.url and not configuration.url.startswith(("http://", "https://")):
        raise InputError("url", "must begin with http:// or https://", configuration.url)
    _positive("interval_s", configuration.interval_s)
    _not_negative("top_processes", configuration.top_processes)
    _services(configuration.services)
    for index, files in enumerate(configuration.logs):
        _said(f"logs.{index}.path", files.path)
    for index, directory in enumerate(configuration.directories):
        _directory(f"directories.{index}", directory)
    for name, command in configuration.commands.items():
        _command(f"commands.{name}", command)
    for index, quota in enumerate(configuration.filesystems):
        _absolute(f"filesystems.{index}.path", quota.path)
        _positive(f"filesystems.{index}.limit_bytes", quota.limit_bytes)


def _services(services: tuple[Service, ...]) -> None:
    for index, service in enumerate(services):
        _said(f"services.{index}.name", service.name)
        _said(f"services.{index}.pid_file", service.pid_file)
        _not_negative(f"services.{index}.memory_limit_bytes", service.memory_limit_bytes)
        if service.restart:
            _said(f"services.{index}.restart.0", service.restart[0])
    names = Counter((service.namespace, service.name) for service in services)
    for index, service in enumerate(services):
        if names[service.namespace, service.name] > 1:
            raise InputError(f"services.{index}.name", "must be there once in its namespace", service.name)


def _directory(where: str, directory: LogDirectory) -> None:
    _absolute(f"{where}.path", directory.path)
    if not directory.patterns:
        raise InputError(f"{where}.patterns", "must name at least one pattern")
    for index, pattern in enumerate(directory.patterns):
        if not pattern or "/" in pattern:
            raise InputError(f"{where}.patterns.{index}", "must be a pattern of file names, without '/'", pattern)
    _not_negative(f"{where}.min_age_s", directory.min_age_s)


def _command(where: str, command: Command) -> None:
    if not command.argv or not command.argv[0]:
        raise InputError(f"{where}.argv", "must name a program", list(command.argv))
    if any("\0" in argument for argument in command.argv):
        raise InputError(f"{where}.argv", "must not hold a NUL character", list(command.argv))
    _positive(f"{where}.timeout_s", command.timeout_s)


def _said(where: str, value: str) -> None:
    if not value:
        raise InputError(where, "must not be empty", value)


def _absolute(where: str, value: str) -> None:
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise InputError(where, "must be an absolute path below '/', without '..'", value)


def _positive(where: str, value: float) -> None:
    if not value > 0 or not math.isfinite(value):
        raise InputError(where, "must be more than 0", value)


def _not_negative(where: str, value: float) -> None:
    if not value >= 0 or not math.isfinite(value):
        raise InputError(where, "must be 0 or more", value)
