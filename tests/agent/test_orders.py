"""What an agent is told to do: fetched, done once, reported until it is taken."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.sdk.servers import Asked, Server, Told, told

from wellkept.agent import orders as module
from wellkept.agent.configuration import AgentConfiguration, Command, LogDirectory, Service
from wellkept.agent.journal import Journal
from wellkept.agent.orders import Orders
from wellkept.kernel.errors import ActionError, InputError, WellkeptError
from wellkept.sdk.connection import Connection

RESOURCE = {"host.id": "h1", "host.name": "web-1"}
CONFIGURATION = AgentConfiguration(
    services=(Service("checkout", "/run/checkout.pid", "shop", ("true",)), Service("ledger", "/run/ledger.pid")),
    directories=(LogDirectory("/var/log/shop", ("*.old",), 60.0),),
    commands={"flush": Command(("true",), 5.0)},
)
WITHIN_S = 30.0


class Platform:
    """The server's side: a queue of actions that are handed out until they have a result."""

    def __init__(self, server: Server) -> None:
        self.server, self.queue = server, list[dict[str, Any]]()
        self.results: list[dict[str, Any]] = []
        self.hellos: list[dict[str, Any]] = []
        self.lose_results = 0
        server.answer = self.answer

    def answer(self, asked: Asked) -> Told:
        if asked.path.endswith("/hello"):
            self.hellos.append(json.loads(asked.body))
        elif asked.path.endswith("/results"):
            if self.lose_results:
                self.lose_results -= 1
                return Told(503)
            for result in json.loads(asked.body)["results"]:
                self.results.append(result)
                self.queue = [action for action in self.queue if action["key"] != result["key"]]
        else:
            return told(200, {"actions": self.queue})
        return Told()


@pytest.fixture
def platform(server: Server) -> Platform:
    return Platform(server)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the action ``note`` was asked to do."""
    noted: list[Mapping[str, Any]] = []

    def note(configuration: AgentConfiguration, arguments: Mapping[str, Any]) -> dict[str, Any]:
        noted.append(arguments)
        if error := arguments.get("error"):
            raise error
        return {"ok": True, "changed": True, "sentence": "noted", "details": {}}

    monkeypatch.setitem(module.ACTIONS, "note", note)
    return noted


def orders_on(server: Server, folder: Path) -> Orders:
    connection = Connection(server.url, "secret", WITHIN_S)
    return Orders("web-1", CONFIGURATION, RESOURCE, connection, Journal(folder / "journal.sqlite"))


@pytest.fixture
def orders(server: Server, tmp_path: Path) -> Iterator[Orders]:
    made = orders_on(server, tmp_path)
    yield made
    made.close(WITHIN_S)
    made._connection.close()


def test_an_action_is_fetched_done_and_reported(
    platform: Platform, orders: Orders, done: list[Mapping[str, Any]]
) -> None:
    platform.queue = [{"key": "pln-1:0", "name": "note", "arguments": {"what": 1}}]

    assert orders.turn() == 0.0

    assert done == [{"what": 1}]
    assert platform.results == [{"key": "pln-1:0", "ok": True, "changed": True, "sentence": "noted", "details": {}}]
    poll = platform.server.asked[1]
    assert (poll.path, poll.headers["Authorization"]) == ("/api/v1/agents/web-1/actions?wait=20", "Bearer secret")


def test_a_host_says_what_it_is_and_what_is_allowed_there(platform: Platform, orders: Orders) -> None:
    orders.turn()
    orders.turn()

    (hello,) = platform.hellos
    assert (hello["host_id"], hello["host_name"]) == ("h1", "web-1")
    assert [(s["name"], s["namespace"], s["restartable"]) for s in hello["services"]] == [
        ("checkout", "shop", True),
        ("ledger", "", False),
    ]
    assert hello["directories"] == [{"path": "/var/log/shop", "patterns": ["*.old"], "min_age_s": 60.0}]
    assert (hello["commands"], hello["command_timeouts"]) == (["flush"], {"flush": 5.0})


def test_nothing_of_a_command_travels_but_its_name(platform: Platform, orders: Orders) -> None:
    orders.turn()

    assert "argv" not in json.dumps(platform.hellos)


def test_a_result_that_was_lost_is_reported_again_and_nothing_is_done_twice(
    platform: Platform, orders: Orders, done: list[Mapping[str, Any]]
) -> None:
    platform.queue = [{"key": "pln-1:0", "name": "note", "arguments": {}}]
    platform.lose_results = 1

    assert orders.turn() > 0
    orders.turn()

    assert len(done) == 1
    assert [result["sentence"] for result in platform.results] == ["noted"]


def test_a_server_that_forgot_everything_is_told_hello_again(platform: Platform, orders: Orders) -> None:
    orders.turn()
    platform.server.answer = lambda _: Told(503)
    assert orders.turn() > 0
    platform.server.answer = platform.answer
    orders.turn()

    assert len(platform.hellos) == 2


def test_pauses_grow_while_the_server_is_away(platform: Platform, orders: Orders) -> None:
    platform.server.answer = lambda _: Told(503)
    pauses = [orders.turn() for _ in range(6)]
    platform.server.answer = platform.answer
    orders.turn()
    platform.server.answer = lambda _: Told(503)

    assert pauses == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert orders.turn() == 1.0


def test_a_server_that_sends_everybody_home_is_not_asked_all_the_time(platform: Platform, orders: Orders) -> None:
    assert orders.turn() == module.PAUSE_S


@pytest.mark.parametrize(
    ("error", "sentence", "changed"),
    [
        (InputError("directory", "must be absolute", "x"), "directory: must be absolute, got 'x'", False),
        (ActionError("it ended with code 1", retry_helps=False), "it ended with code 1", False),
        (OSError(28, "No space left on device"), "note failed unexpectedly: OSError: [Errno 28] No space", True),
        (KeyError("x"), "note failed unexpectedly: KeyError: 'x'", True),
        (ValueError("embedded null byte"), "note failed unexpectedly: ValueError: embedded null byte", True),
    ],
)
def test_whatever_an_action_raises_is_its_result(
    orders: Orders, done: list[Mapping[str, Any]], error: Exception, sentence: str, changed: bool
) -> None:
    result = orders.perform({"key": "pln-1:0", "name": "note", "arguments": {"error": error}})

    assert (result["ok"], result["changed"]) == (False, changed)
    assert result["sentence"].startswith(sentence)
    assert orders.perform({"key": "pln-1:0", "name": "note"}) == result, "the journal has it"


@pytest.mark.parametrize("name", ["", "format_disk", "__class__"])
def test_an_action_that_nobody_knows_is_refused(orders: Orders, name: str) -> None:
    result = orders.perform({"key": "pln-1:0", "name": name})

    assert not result["ok"]
    assert result["sentence"].startswith("action: must be one of delete_old_logs, restart_service, run_command, got '")


def test_an_action_may_come_without_arguments(orders: Orders, done: list[Mapping[str, Any]]) -> None:
    assert orders.perform({"key": "pln-1:0", "name": "note", "arguments": None})["ok"]
    assert done == [{}]


def test_the_end_waits_for_an_action_under_way_and_notes_its_outcome(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, begun, go_on = orders_on(server, tmp_path), threading.Event(), threading.Event()

    def slow(configuration: AgentConfiguration, arguments: Mapping[str, Any]) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(WITHIN_S)
        return {"ok": True, "changed": True, "sentence": "slow but done", "details": {}}

    monkeypatch.setitem(module.ACTIONS, "slow", slow)
    working = threading.Thread(target=orders.perform, args=({"key": "pln-1:0", "name": "slow"},))
    working.start()
    assert begun.wait(WITHIN_S)
    ending = threading.Thread(target=orders.close, args=(WITHIN_S,))
    ending.start()
    go_on.set()
    ending.join(WITHIN_S)
    working.join(WITHIN_S)

    journal = Journal(tmp_path / "journal.sqlite")
    answer = journal.begin("pln-1:0")
    journal.close()
    assert answer is not None
    assert answer["sentence"] == "slow but done"


def test_after_the_end_nothing_begins(orders: Orders, done: list[Mapping[str, Any]]) -> None:
    orders.close(WITHIN_S)

    with pytest.raises(WellkeptError, match="the agent is being stopped"):
        orders.perform({"key": "pln-1:0", "name": "note"})

    assert done == []


def test_another_server_at_that_address_is_told_apart(platform: Platform, orders: Orders) -> None:
    platform.server.answer = lambda _: Told(200, b"<html>")

    with pytest.raises(WellkeptError, match="the answer is no JSON; is it Wellkept"):
        orders.hello()
