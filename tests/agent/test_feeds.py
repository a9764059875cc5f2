"""What an agent sends reaches a server that was away: every line once, metrics as far as they are kept."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.sdk.servers import Asked, Server, Told, serving

from wellkept.agent import feeds, turns
from wellkept.agent.configuration import AgentConfiguration, LogFiles
from wellkept.agent.feeds import LogFeed, MetricsFeed
from wellkept.agent.metrics import HostMetrics
from wellkept.agent.tail import Tail
from wellkept.agent.turns import Turns
from wellkept.sdk import otlp
from wellkept.sdk.otlp import MetricsBatch, Sender

RESOURCE = {"host.id": "h1", "host.name": "web-1"}
WITHIN_S = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(otlp, "LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(feeds, "IDLE_S", 0.01)
    monkeypatch.setattr(turns, "FIRST_PAUSE_S", 0.01)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def lines_of(server: Server) -> list[str]:
    """The bodies of all log records that a server acknowledged."""
    return [
        record.body.string_value
        for asked in server.asked
        if asked.path == "/v1/logs"
        for block in ExportLogsServiceRequest.FromString(asked.content).resource_logs
        for scope in block.scope_logs
        for record in scope.log_records
    ]


class Feeding:
    """A log feed on a folder, on a thread of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir(exist_ok=True)
        self.file = folder / "app.log"
        self.stop = threading.Event()
        self.tail = Tail((LogFiles(str(folder / "app.log*"), "checkout", "shop"),), folder / "positions.json")
        self.tail.read()
        self.tail.commit()
        self.sender = Sender(url, "secret", self.stop)
        self.feed = LogFeed(self.tail, self.sender, RESOURCE)
        self.turns = Turns("logs", self.feed.turn, self.stop)
        self.turns.start()

    def write(self, *lines: str) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def end(self) -> None:
        self.stop.set()
        self.turns.join(WITHIN_S)
        self.sender.close()
        self.tail.close()


@pytest.fixture
def port() -> int:
    """A port on which nobody listens."""
    with serving() as server:
        return server.port


@pytest.fixture
def feeding(tmp_path: Path, port: int) -> Iterator[Feeding]:
    made = Feeding(tmp_path / "logs", f"http://127.0.0.1:{port}")
    yield made
    made.end()


def test_lines_written_while_the_server_is_away_arrive_once(feeding: Feeding, port: int) -> None:
    feeding.write("before", "ERROR while away")
    until(lambda: feeding.sender._complaint != "")
    feeding.file.rename(feeding.file.with_name("app.log.1"))
    feeding.write("after the rotation")

    with serving(port) as server:
        until(lambda: len(lines_of(server)) == 3)
        feeding.write("live")
        until(lambda: len(lines_of(server)) == 4)

    assert lines_of(server) == ["before", "ERROR while away", "after the rotation", "live"]


def test_a_server_that_comes_and_goes_loses_nothing(feeding: Feeding, port: int) -> None:
    expected, found = [], []
    for turn in range(4):
        lines = [f"line {turn}.{number}" for number in range(20)]
        expected += lines
        feeding.write(*lines)
        with serving(port) as server:
            until(lambda seen=server, wanted=turn: f"line {wanted}.19" in lines_of(seen))  # type: ignore[misc]
        found += lines_of(server)

    # A batch whose answer was cut off is sent again.
    assert list(dict.fromkeys(found)) == expected


def test_an_overloaded_server_is_asked_again(feeding: Feeding, port: int) -> None:
    def overloaded(asked: Asked) -> Told:
        return Told(503) if len(server.asked) < 4 else Told()

    with serving(port) as server:
        server.answer = overloaded
        feeding.write("one")
        until(lambda: len(server.asked) == 4)
        feeding.write("two")
        until(lambda: len(server.asked) == 5)

    assert lines_of(server) == ["one"] * 4 + ["two"]


def test_a_wrong_token_loses_nothing(feeding: Feeding, port: int) -> None:
    with serving(port) as server:
        server.answer = lambda _: Told(401)
        feeding.write("one")
        until(lambda: len(server.asked) >= 2)
    with serving(port) as server:
        until(lambda: lines_of(server) == ["one"])


def test_a_batch_that_is_refused_for_good_does_not_block_the_next(feeding: Feeding, port: int) -> None:
    with serving(port) as server:
        server.answer = lambda asked: Told(400 if b"poison" in asked.content else 200)
        feeding.write("poison")
        until(lambda: feeding.sender.refused == 1)
        feeding.write("good")
        until(lambda: "good" in lines_of(server))

    assert lines_of(server) == ["poison", "good"]


def test_nothing_is_sent_twice_after_a_clean_end(tmp_path: Path, server: Server) -> None:
    first = Feeding(tmp_path / "logs", server.url)
    first.write("one")
    until(lambda: lines_of(server) == ["one"])
    first.end()

    second = Feeding(tmp_path / "logs", server.url)
    second.write("two")
    until(lambda: "two" in lines_of(server))
    second.end()

    assert lines_of(server) == ["one", "two"]


def test_lines_carry_their_service_and_their_file(tmp_path: Path, server: Server) -> None:
    feeding = Feeding(tmp_path / "logs", server.url)
    feeding.write("2026-11-02 ERROR it broke")
    until(lambda: bool(lines_of(server)))
    feeding.end()

    (block,) = ExportLogsServiceRequest.FromString(server.asked[0].content).resource_logs
    resource = {pair.key: pair.value.string_value for pair in block.resource.attributes}
    (record,) = block.scope_logs[0].log_records
    assert resource == {**RESOURCE, "service.name": "checkout", "service.namespace": "shop"}
    assert record.severity_text == "ERROR"
    assert {pair.key: pair.value.string_value for pair in record.attributes} == {
        "log.file.path": str(feeding.file),
        "log.file.name": "app.log",
    }


class Counting:
    """Stands for the host: each moment has a number."""

    def __init__(self) -> None:
        self.number = 0

    def collect(self, at_nanos: int) -> MetricsBatch:
        self.number += 1
        batch = MetricsBatch("test", at_nanos)
        batch.gauge(RESOURCE, "number", "1", float(self.number), {})
        return batch


def numbers_of(server: Server) -> list[float]:
    return [
        ExportMetricsServiceRequest.FromString(asked.content)
        .resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].as_double
        for asked in server.asked
    ]  # fmt: skip


@contextlib.contextmanager
def metrics_feed(url: str, source: Any = None, interval_s: float = 0.01) -> Iterator[MetricsFeed]:
    chosen: Any = source or Counting()
    sender = Sender(url, "secret", threading.Event())
    yield MetricsFeed(chosen, sender, interval_s)
    sender.close()


def test_metrics_of_the_time_without_a_server_are_sent_oldest_first(port: int) -> None:
    with metrics_feed(f"http://127.0.0.1:{port}") as feed:
        for _ in range(5):
            feed.collect()
            assert feed.send(0.02) is False
        with serving(port) as server:
            until(lambda: feed.send(1.0))

    assert numbers_of(server) == [1, 2, 3, 4, 5]


def test_only_so_many_metrics_are_kept_and_the_oldest_go_first(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "KEPT_BATCHES", 3)
    with metrics_feed(f"http://127.0.0.1:{port}") as feed:
        for _ in range(5):
            feed.collect()
        assert feed.dropped == 2
        with serving(port) as server:
            until(lambda: feed.send(1.0))

    assert numbers_of(server) == [3, 4, 5]


def test_metrics_that_are_refused_do_not_block_the_next(server: Server) -> None:
    with metrics_feed(server.url) as feed:
        server.answer = lambda _: Told(400)
        feed.collect()
        assert feed.send(1.0) is True
        server.answer = lambda _: Told()
        feed.turn()

    assert numbers_of(server) == [1, 2]


def test_a_turn_returns_the_time_until_the_next(server: Server) -> None:
    with metrics_feed(server.url, interval_s=1000) as feed:
        assert 900 < feed.turn() <= 1000


def test_the_hosts_own_metrics_are_what_is_sent(server: Server) -> None:
    source = HostMetrics(AgentConfiguration(top_processes=0), RESOURCE)
    with metrics_feed(server.url, source) as feed:
        feed.collect()
        assert feed.send(WITHIN_S)

    request = ExportMetricsServiceRequest.FromString(server.asked[0].content)
    names = {metric.name for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    assert {"wellkept.agent.heartbeat", "system.cpu.utilization", "system.memory.usage"} <= names


def test_a_thread_outlives_a_turn_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    stop, errors = threading.Event(), iter([OSError(28, "No space left on device"), None])

    def turn() -> float:
        error = next(errors)
        if error is not None:
            raise error
        stop.set()
        return 0.0

    thread = Turns("logs", turn, stop)
    thread.start()
    thread.join(WITHIN_S)

    assert stop.is_set()
    assert thread.failures == 1
    assert "logs: a turn failed" in caplog.text
