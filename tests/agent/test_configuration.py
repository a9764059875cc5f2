"""Mistakes in ``agent.yaml``: each names the field, the rule and the value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wellkept.agent.configuration import AgentConfiguration, Command, LogDirectory, load_configuration
from wellkept.kernel.errors import InputError, NotFoundError

RIGHT = """
id: web-1
interval_s: 5
attributes: {deployment.environment.name: production}
services:
  - {name: checkout, namespace: shop, pid_file: /run/checkout.pid, restart: [systemctl, restart, checkout]}
  - {name: checkout, namespace: bank, pid_file: /run/bank.pid, memory_limit_bytes: 1000000}
logs: [{path: /var/log/checkout/*.log, service: checkout}]
directories: [{path: /var/log/checkout, patterns: ["*.log.*"], min_age_s: 3600}]
commands: {flush: {argv: [/usr/bin/flush, --all], timeout_s: 5}}
filesystems: [{path: /data, limit_bytes: 1000}]
"""

MISTAKES = {
    "intervall_s: 5": "intervall_s: is not a known field; known are attributes, commands, directories,",
    "services: [{name: a, pid_file: /p, restrat: [x]}]": "services.0.restrat: is not a known field; known are memory_",
    "commands: {a: {argv: [x], timeout: 3}}": "commands.a.timeout: is not a known field; known are argv, timeout_s",
    "filesystems: [{path: /d, limit_bytes: 1, size: 2}]": "filesystems.0.size: is not a known field",
    "interval_s: fast": "interval_s: must be a number, got 'fast'",
    "interval_s: 0": "interval_s: must be more than 0, got 0.0",
    "interval_s: .inf": "interval_s: must be more than 0, got inf",
    "interval_s: .nan": "interval_s: must be more than 0, got nan",
    "top_processes: -1": "top_processes: must be 0 or more, got -1",
    "top_processes: 2.5": "top_processes: must be a whole number, got 2.5",
    "id: a/b": "id: must be letters, digits, '.', '_' and '-', at most 120 of them, got 'a/b'",
    "url: localhost:7460": "url: must begin with http:// or https://, got 'localhost:7460'",
    "attributes: {replicas: 3}": "attributes.replicas: must be a string, got 3",
    "services: checkout": "services: must be a list, got 'checkout'",
    "services:": "services: must be a list",
    "services: [checkout]": "services.0: must be an object, got 'checkout'",
    "services: [{name: a}]": "services.0.pid_file: is required",
    "services: [{name: '', pid_file: /p}]": "services.0.name: must not be empty, got ''",
    "services: [{name: a, pid_file: /p, restart: systemctl restart a}]":
        "services.0.restart: must be a list, got 'systemctl restart a'",
    "services: [{name: a, pid_file: /p, restart: ['']}]": "services.0.restart.0: must not be empty, got ''",
    "services: [{name: a, pid_file: /p, memory_limit_bytes: -1}]":
        "services.0.memory_limit_bytes: must be 0 or more, got -1",
    "services: [{name: a, pid_file: /p}, {name: a, pid_file: /q}]":
        "services.0.name: must be there once in its namespace, got 'a'",
    "logs: [{path: ''}]": "logs.0.path: must not be empty, got ''",
    "directories: [{path: logs, patterns: ['*']}]":
        "directories.0.path: must be an absolute path below '/', without '..', got 'logs'",
    "directories: [{path: /, patterns: ['*']}]":
        "directories.0.path: must be an absolute path below '/', without '..', got '/'",
    "directories: [{path: //, patterns: ['*']}]":
        "directories.0.path: must be an absolute path below '/', without '..', got '//'",
    "directories: [{path: /var/log/../../etc, patterns: ['*']}]":
        "directories.0.path: must be an absolute path below '/', without '..', got '/var/log/../../etc'",
    "directories: [{path: /var/log, patterns: '*.log'}]": "directories.0.patterns: must be a list, got '*.log'",
    "directories: [{path: /var/log, patterns: []}]": "directories.0.patterns: must name at least one pattern",
    "directories: [{path: /var/log, patterns: ['../*']}]":
        "directories.0.patterns.0: must be a pattern of file names, without '/', got '../*'",
    "directories: [{path: /var/log, patterns: ['*'], min_age_s: -5}]":
        "directories.0.min_age_s: must be 0 or more, got -5.0",
    "commands: {a: {argv: reboot}}": "commands.a.argv: must be a list, got 'reboot'",
    "commands: {a: {argv: []}}": "commands.a.argv: must name a program, got []",
    "commands: {a: {argv: [x], timeout_s: 0}}": "commands.a.timeout_s: must be more than 0, got 0.0",
    'commands: {a: {argv: ["x", "a\\0b"]}}': "commands.a.argv: must not hold a NUL character, got ['x', 'a\\x00b']",
    "filesystems: [{path: data, limit_bytes: 1}]": "filesystems.0.path: must be an absolute path below '/'",
    "filesystems: [{path: /data, limit_bytes: 0}]": "filesystems.0.limit_bytes: must be more than 0, got 0",
    "- a": "document: must be an object, got ['a']",
}  # fmt: skip


def load(folder: Path, text: str) -> AgentConfiguration:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return load_configuration(path)


def test_a_right_configuration_is_read(tmp_path: Path) -> None:
    found = load(tmp_path, RIGHT)

    assert (found.id, found.interval_s) == ("web-1", 5.0)
    assert [service.restart for service in found.services] == [("systemctl", "restart", "checkout"), ()]
    assert found.directories == (LogDirectory("/var/log/checkout", ("*.log.*",), 3600.0),)
    assert found.commands == {"flush": Command(("/usr/bin/flush", "--all"), 5.0)}


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_allows_nothing(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == AgentConfiguration() == load_configuration(None)


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=MISTAKES.keys())
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        load(tmp_path, text)

    assert str(raised.value).startswith(f"{tmp_path / 'agent.yaml'}: {message}")


@pytest.mark.parametrize(
    "text",
    [
        "commands: {a: {argv: [x]}}\nid: a\ncommands: {b: {argv: [y]}}",
        "commands: {a: {argv: [x]}, a: {argv: [y]}}",
    ],
)
def test_what_is_allowed_is_said_once(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"is not YAML: key '(commands|a)' is there twice\n.*line \d"):
        load(tmp_path, text)


@pytest.mark.parametrize("text", ["services: [", "since: 2026-02-30", "a: !!python/object/apply:os.system [x]", "\x07"])
def test_what_is_no_yaml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        InputError, match=rf"^agent configuration {re.escape(str(tmp_path))}/agent\.yaml: is not YAML: "
    ):
        load(tmp_path, text)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_bytes(b"id: \xff")

    with pytest.raises(InputError, match="is not YAML: 'utf-8' codec can't decode byte 0xff"):
        load_configuration(tmp_path / "agent.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=rf"^agent configuration {tmp_path}/agent\.yaml: is not a file$"):
        load_configuration(tmp_path / "agent.yaml")
