"""The actions on hosts: what they ask of which agent, and what they refuse to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.ops.remediate.cases import NOON
from tests.ops.remediate.test_remediate_runner import HELLO
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.ops.remediate.actions.delete_old_logs import DeleteOldLogs
from wellkept.ops.remediate.actions.restart_service import RestartService
from wellkept.ops.remediate.actions.run_command import RunCommand
from wellkept.spine.agents import AgentDoor

DONE = ActionResult(True, True, "done")


class Door(AgentDoor):
    """Notes what agents are asked instead of asking them."""

    asked: list[tuple[str, str, str, Mapping[str, Any], float]]

    def perform(self, agent: str, key: str, name: str, arguments: Mapping[str, Any], timeout_s: float) -> ActionResult:
        self.asked.append((agent, key, name, arguments, timeout_s))
        return DONE


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    state = state_in(tmp_path / "state")
    made = Door(state, SettableClock(NOON))
    made.asked = []
    made.hello("agent-1", HELLO)
    yield made
    state.close()


def clear(target: str = "disk:h1:/data", **arguments: Any) -> Action:
    return Action("delete_old_logs", target, {"directory": "/data", **arguments})


def test_what_an_action_leaves_open_is_what_the_agent_declares(door: Door) -> None:
    assert DeleteOldLogs(door).run(clear(), "pln-1:0") == DONE

    expected = {"directory": "/data", "pattern": "", "min_age_s": 3600.0, "keep_newest": 1, "dry_run": False}
    assert door.asked == [("agent-1", "pln-1:0", "delete_old_logs", expected, 60.0)]


def test_an_action_may_ask_for_less_than_is_declared(door: Door) -> None:
    DeleteOldLogs(door).run(clear(path="/data/a", pattern="*.log.*", min_age_s=7200, keep_newest=5, dry_run=True), "k")

    assert door.asked[0][3] == {
        "directory": "/data/a",
        "pattern": "*.log.*",
        "min_age_s": 7200.0,
        "keep_newest": 5,
        "dry_run": True,
    }


def test_never_for_more(door: Door) -> None:
    DeleteOldLogs(door).run(clear(min_age_s=1), "k")

    assert door.asked[0][3]["min_age_s"] == 3600.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pattern": "*"}, "delete_old_logs.pattern: must be one that is declared for /data, got '*'"),
        ({"min_age_s": "old"}, "delete_old_logs.min_age_s: must be a number, 0 or more, got 'old'"),
        ({"min_age_s": float("nan")}, "delete_old_logs.min_age_s: must be a number, 0 or more, got nan"),
        ({"keep_newest": -1}, "delete_old_logs.keep_newest: must be a number, 0 or more, got -1"),
        ({"keep_newest": True}, "delete_old_logs.keep_newest: must be a number, 0 or more, got True"),
        ({"older_than_s": 5}, "delete_old_logs.older_than_s: is not an argument; there are directory, dry_run, keep_"),
        ({"directory": "data"}, "delete_old_logs.directory: must be an absolute path, got 'data'"),
        ({"directory": ""}, "delete_old_logs.directory: must be an absolute path, got ''"),
        ({"path": "/etc"}, "delete_old_logs.path: must lie inside directory /data, got '/etc'"),
        ({"path": "/data/../etc"}, "delete_old_logs.path: must lie inside directory /data, got '/data/../etc'"),
        ({"path": "/database"}, "delete_old_logs.path: must lie inside directory /data, got '/database'"),
        ({"directory": "/data/../etc"}, "agent: none declares log directory /data/../etc (see the agent's conf"),
        ({"directory": "/database"}, "agent: none declares log directory /database (see the agent's configuration)"),
    ],
)
def test_what_breaks_a_rule_is_not_asked(door: Door, arguments: dict[str, Any], message: str) -> None:
    for ask in (DeleteOldLogs(door).preview, lambda action: DeleteOldLogs(door).run(action, "k")):
        with pytest.raises(InputError) as raised:
            ask(clear(**arguments))
        assert str(raised.value).startswith(message)

    assert door.asked == []


def test_only_the_agent_of_the_disks_host_is_asked(door: Door) -> None:
    door.hello("agent-2", {**HELLO, "host_id": "h2"})

    DeleteOldLogs(door).run(clear("disk:h2:/data"), "k")
    DeleteOldLogs(door).run(clear("disk:h1:/data"), "k")
    with pytest.raises(NotFoundError):
        DeleteOldLogs(door).run(clear("disk:h3:/data"), "k")

    assert [asked[0] for asked in door.asked] == ["agent-2", "agent-1"]


def test_the_nearest_declaration_of_a_directory_counts(door: Door) -> None:
    near = {"path": "/data/a", "patterns": ["*.old"], "min_age_s": 60}
    door.hello("agent-1", {**HELLO, "directories": [*HELLO["directories"], near]})

    assert "files *.old older than 60 s below /data/a/b" in DeleteOldLogs(door).preview(clear(path="/data/a/b"))
    assert "files *.log.* older than 3600 s below /data/c" in DeleteOldLogs(door).preview(clear(path="/data/c"))


def test_a_service_is_restarted_by_the_agent_that_may(door: Door) -> None:
    door.hello("agent-2", {**HELLO, "services": [{"name": "checkout", "namespace": "shop", "restartable": False}]})
    action = Action("restart_service", "service:shop/checkout")

    assert RestartService(door).preview(action) == "on web-1: restart checkout by its declared command"
    RestartService(door).run(action, "k")

    assert door.asked == [
        ("agent-1", "k", "restart_service", {"service": "checkout", "namespace": "shop"}, RestartService.timeout_s)
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("host:h1", "restart_service.target: must be a service, got 'host:h1'"),
        ("service:checkout", "agent: none declares a restart command for service checkout (see the"),
        ("service:bank/checkout", "agent: none declares a restart command for service bank/checkout (see the"),
    ],
)
def test_another_target_is_not_restarted(door: Door, target: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        RestartService(door).run(Action("restart_service", target), "k")

    assert str(raised.value).startswith(message)


def test_a_restart_takes_no_arguments(door: Door) -> None:
    action = Action("restart_service", "service:shop/checkout", {"service": "ledger"})

    with pytest.raises(
        InputError, match=r"^restart_service\.service: is not an argument; there are none, got 'ledger'"
    ):
        RestartService(door).preview(action)


def test_a_command_is_asked_for_by_its_name_alone(door: Door) -> None:
    RunCommand(door).run(Action("run_command", "host:h1", {"command": "flush"}), "k")

    assert door.asked == [("agent-1", "k", "run_command", {"command": "flush"}, RunCommand.timeout_s)]


def test_a_command_that_may_take_long_is_waited_for(door: Door) -> None:
    door.hello("agent-1", {**HELLO, "command_timeouts": {"flush": 1000.0}})

    RunCommand(door).run(Action("run_command", "host:h1", {"command": "flush"}), "k")

    assert door.asked[0][4] == 1030.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "run_command.command: is required: the name of a declared command"),
        ({"command": ""}, "run_command.command: is required: the name of a declared command"),
        ({"command": "reboot"}, "agent: none declares command 'reboot' (see the agent's configuration)"),
        ({"command": "flush", "host": "h2"}, "agent: none declares command 'flush' on host h2 (see the agent's"),
        ({"command": "flush", "argv": ["rm"]}, "run_command.argv: is not an argument; there are command, host"),
    ],
)
def test_another_command_is_not_asked_for(door: Door, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        RunCommand(door).preview(Action("run_command", "host:h1", arguments))

    assert str(raised.value).startswith(message)


def test_no_action_on_a_host_is_said_to_be_harmless_by_mistake() -> None:
    assert [handler.risk for handler in (DeleteOldLogs, RestartService, RunCommand)] == [
        Risk.LOW,
        Risk.MEDIUM,
        Risk.MEDIUM,
    ]
