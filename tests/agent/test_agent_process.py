"""``wellkept agent`` as a process: it works without a server, ends when it is told, and is honest after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.agent.test_feeds import lines_of
from tests.sdk.servers import Asked, Server, Told, serving, told

WITHIN_S = 60.0


class AgentProcess:
    """The command, with its configuration and state in a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        (folder / "token").write_text("secret", encoding="ascii")
        (folder / "logs").mkdir()
        configuration = {
            "id": "web-1",
            "interval_s": 0.2,
            "top_processes": 1,
            "logs": [{"path": f"{folder}/logs/*.log", "service": "checkout"}],
            "commands": {"block": {"argv": ["/bin/sh", "-c", f"echo ran >> {folder}/ran; cat {folder}/door"]}},
        }
        (folder / "agent.yaml").write_text(json.dumps(configuration), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "wellkept", "agent", "--config", str(self.folder / "agent.yaml"), *more]
        command += [
            "--url",
            self.url,
            "--token-file",
            str(self.folder / "token"),
            "--state",
            str(self.folder / "state"),
        ]
        with (self.folder / "printed").open("ab") as printed:
            self.process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
        return self.process

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert self.process is None or self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, f"waited in vain; it printed: {self.printed}"
            time.sleep(0.01)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text(encoding="utf-8")

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)


class Platform:
    """A server that hands out actions until they have a result."""

    def __init__(self, server: Server) -> None:
        self.server, self.queue, self.results = server, list[dict[str, Any]](), list[dict[str, Any]]()
        server.answer = self.answer

    def answer(self, asked: Asked) -> Told:
        if asked.path.endswith("/results"):
            self.results += json.loads(asked.body)["results"]
            self.queue.clear()
        if "/actions" not in asked.path:
            return Told()
        deadline = time.monotonic() + 1.0
        while not self.queue and time.monotonic() < deadline:
            time.sleep(0.01)
        return told(200, {"actions": self.queue})


@pytest.fixture
def platform(server: Server) -> Platform:
    return Platform(server)


@pytest.fixture
def agent(tmp_path: Path, server: Server) -> Iterator[AgentProcess]:
    made = AgentProcess(tmp_path, server.url)
    yield made
    made.close()


def metrics_of(server: Server) -> list[ExportMetricsServiceRequest]:
    asked = [asked for asked in list(server.asked) if asked.path == "/v1/metrics"]
    return [ExportMetricsServiceRequest.FromString(found.content) for found in asked]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_watches_until_it_is_told_to_end(
    agent: AgentProcess, platform: Platform, number: signal.Signals
) -> None:
    agent.start()
    agent.until(lambda: len(metrics_of(platform.server)) >= 3)
    (agent.folder / "logs" / "app.log").write_text("hello\n", encoding="utf-8")
    agent.until(lambda: lines_of(platform.server) == ["hello"])

    assert agent.end(number) == 0

    assert "Traceback" not in agent.printed
    resource = metrics_of(platform.server)[0].resource_metrics[0].resource
    assert {"host.id", "host.name", "os.type"} <= {pair.key for pair in resource.attributes}


def test_nothing_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    with serving() as gone:
        port = gone.port
    agent = AgentProcess(tmp_path, f"http://127.0.0.1:{port}")
    agent.start()
    agent.until((tmp_path / "state" / "positions.json").exists)
    (tmp_path / "logs" / "app.log").write_text("while the server was away\n", encoding="utf-8")
    agent.until(lambda: "does not answer" in agent.printed)
    back_at = time.time_ns()

    with serving(port) as server:
        Platform(server)
        agent.until(lambda: lines_of(server) and metrics_of(server))
        first = metrics_of(server)[0].resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
        assert lines_of(server) == ["while the server was away"]
        assert first.time_unix_nano < back_at, "metrics of the time without a server are there"
        assert agent.end(signal.SIGTERM) == 0


def test_an_agent_that_is_killed_in_the_middle_of_an_action_does_not_repeat_it(
    agent: AgentProcess, platform: Platform
) -> None:
    os.mkfifo(agent.folder / "door")
    platform.queue = [{"key": "pln-1:0", "name": "run_command", "arguments": {"command": "block"}}]
    agent.start()
    agent.until((agent.folder / "ran").exists)
    agent.end(signal.SIGKILL)
    with (agent.folder / "door").open("w", encoding="ascii") as door:
        door.write("the command itself goes on to its end\n")
    assert platform.results == []

    agent.start()
    agent.until(lambda: platform.results)
    agent.end(signal.SIGTERM)

    (result,) = platform.results
    assert (result["key"], result["ok"], result["changed"]) == ("pln-1:0", False, True)
    assert result["sentence"].startswith("the agent was cut off while it did this; the outcome is unknown")
    assert (agent.folder / "ran").read_text(encoding="ascii") == "ran\n"


def test_an_agent_that_is_told_to_end_in_the_middle_of_an_action_keeps_its_outcome(
    agent: AgentProcess, platform: Platform
) -> None:
    os.mkfifo(agent.folder / "door")
    platform.queue = [{"key": "pln-1:0", "name": "run_command", "arguments": {"command": "block"}}]
    process = agent.start()
    agent.until((agent.folder / "ran").exists)
    process.send_signal(signal.SIGTERM)
    with (agent.folder / "door").open("w", encoding="ascii") as door:
        door.write("done\n")
    assert process.wait(WITHIN_S) == 0

    if not platform.results:
        agent.start()
        agent.until(lambda: platform.results)
        agent.end(signal.SIGTERM)

    assert [result["ok"] for result in platform.results] == [True]
    assert (agent.folder / "ran").read_text(encoding="ascii") == "ran\n"


def test_once_sends_one_batch_and_ends(agent: AgentProcess, platform: Platform) -> None:
    assert agent.start("--once").wait(WITHIN_S) == 0

    assert len(metrics_of(platform.server)) == 1
    assert platform.server.asked[0].path == "/api/v1/agents/web-1/hello"


def test_once_without_a_server_is_an_error(tmp_path: Path) -> None:
    with serving() as gone:
        url = gone.url
    agent = AgentProcess(tmp_path, url)

    assert agent.start("--once").wait(WITHIN_S) == 1
    assert f"the server at {url} does not answer (ConnectionRefusedError)" in agent.printed
    assert "Traceback" not in agent.printed


def test_once_with_a_wrong_token_says_so(agent: AgentProcess, server: Server) -> None:
    server.answer = lambda _: told(401, {"error": {"type": "ForbiddenError", "message": "this needs the token"}})

    assert agent.start("--once").wait(WITHIN_S) == 3
    assert "this needs the token" in agent.printed


def test_a_mistake_in_the_configuration_ends_it_with_the_mistake(agent: AgentProcess) -> None:
    (agent.folder / "agent.yaml").write_text("intervall_s: 5\n", encoding="utf-8")

    assert agent.start().wait(WITHIN_S) == 2
    assert "agent.yaml: intervall_s: is not a known field" in agent.printed


def test_it_ends_when_it_is_told_many_times_at_once(tmp_path: Path) -> None:
    """A killed parent with many threads sends its death signal once for each of them."""
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        agent = AgentProcess(folder, "http://127.0.0.1:9")
        process = agent.start()
        agent.until(lambda agent=agent: (agent.folder / "state" / "journal.sqlite").exists())  # type: ignore[misc]
        agent.until(lambda agent=agent: "not answered" in agent.printed)  # type: ignore[misc]
        for _ in range(400):
            process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(WITHIN_S / 4) == 0
        finally:
            agent.close()
