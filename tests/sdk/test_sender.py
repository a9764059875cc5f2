"""The sender of OTLP: what is retried, how long it waits, and what is dropped."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.sdk.servers import Asked, Server, Told, serving

from wellkept.sdk import otlp
from wellkept.sdk.otlp import MetricsBatch, Sender

METRICS = "/v1/metrics"
SOON = 60.0
"""A patience that no test uses up."""


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def sender(server: Server, stop: threading.Event) -> Iterator[Sender]:
    made = Sender(server.url, "secret", stop)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of our own are short; what the server asks for is kept as it is."""
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(otlp, "LONGEST_PAUSE_S", 0.02)


def noted_waits(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the sender would wait, while time stands still."""
    waits: list[float] = []
    monkeypatch.setattr(stop, "wait", waits.append)
    monkeypatch.setattr(otlp, "time", SimpleNamespace(monotonic=lambda: 100.0))
    return waits


def batch() -> ExportMetricsServiceRequest:
    made = MetricsBatch("test", 1)
    made.gauge({"host.id": "h1"}, "system.cpu.utilization", "1", 0.5, {"cpu.mode": "user"})
    return made.request


def after(count: int, first: Told) -> object:
    """Answers ``first`` so many times, then all is well."""
    left = iter(range(count))

    def answer(_: Asked) -> Told:
        return first if next(left, None) is not None else Told()

    return answer


def test_a_batch_is_sent_compressed_and_under_the_token(server: Server, sender: Sender) -> None:
    assert sender.send(METRICS, batch()) is True

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", METRICS)
    assert asked.headers["Authorization"] == "Bearer secret"
    assert (asked.headers["Content-Type"], asked.headers["Content-Encoding"]) == ("application/x-protobuf", "gzip")
    assert ExportMetricsServiceRequest.FromString(asked.content) == batch()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_retried(server: Server, sender: Sender, status: int) -> None:
    server.answer = after(2, Told(status))  # type: ignore[assignment]

    assert sender.send(METRICS, batch(), give_up_after_s=SOON) is True

    assert [asked.content for asked in server.asked] == [batch().SerializeToString()] * 3
    assert sender.refused == 0


@pytest.mark.parametrize("status", [400, 405, 413, 415, 422, 500, 501])
def test_what_is_refused_for_good_is_dropped_and_counted(
    server: Server, sender: Sender, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = lambda _: Told(status)

    assert sender.send(METRICS, batch()) is False

    assert len(server.asked) == 1
    assert sender.refused == 1
    assert f"refused a batch with status {status}; it is dropped" in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_says_nothing_of_the_batch_drops_nothing(
    server: Server, sender: Sender, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = after(3, Told(status))  # type: ignore[assignment]

    with caplog.at_level(logging.INFO):
        assert sender.send(METRICS, batch(), give_up_after_s=SOON) is True

    assert sender.refused == 0
    assert caplog.text.count(f"is answered with status {status}; trying again") == 1, "said once"


def test_the_time_that_the_server_asks_for_is_kept(
    server: Server, sender: Sender, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = noted_waits(stop, monkeypatch)
    server.answer = after(1, Told(503, headers={"Retry-After": "30"}))  # type: ignore[assignment]

    assert sender.send(METRICS, batch()) is True

    assert waits == [0.0, 30.0], "also beyond the longest pause of our own"


def test_a_later_batch_waits_too(server: Server, sender: Sender) -> None:
    server.answer = after(1, Told(429, headers={"Retry-After": "30"}))  # type: ignore[assignment]

    assert sender.send(METRICS, batch(), give_up_after_s=1.0) is False
    assert sender.send(METRICS, batch(), give_up_after_s=1.0) is False

    assert len(server.asked) == 1, "the second batch did not even try"


def test_pauses_grow_and_are_spread(
    server: Server, sender: Sender, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.4)
    monkeypatch.setattr(otlp, "LONGEST_PAUSE_S", 15.0)
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    waits = noted_waits(stop, monkeypatch)
    server.answer = after(8, Told(503))  # type: ignore[assignment]

    assert sender.send(METRICS, batch()) is True

    grown = [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0]
    assert waits[1:] == pytest.approx([0.8 * pause for pause in grown])


def test_a_server_that_is_away_and_comes_back(stop: threading.Event) -> None:
    with serving() as gone:
        port = gone.port
    sender = Sender(f"http://127.0.0.1:{port}", "secret", stop)
    assert sender.send(METRICS, batch(), give_up_after_s=0.1) is False

    outcome: list[bool] = []
    sending = threading.Thread(target=lambda: outcome.append(sender.send(METRICS, batch(), give_up_after_s=SOON)))
    sending.start()
    with serving(port) as back:
        sending.join(SOON)
        assert outcome == [True]
        assert len(back.asked) == 1
    sender.close()


def test_a_connection_is_kept(server: Server, sender: Sender) -> None:
    for _ in range(3):
        sender.send(METRICS, batch())

    assert len({asked.connection for asked in server.asked}) == 1


def test_a_connection_that_the_server_closed_meanwhile_costs_no_retry(server: Server, sender: Sender) -> None:
    server.answer = lambda _: Told(closes=True)
    sender.send(METRICS, batch())

    for _ in range(3):
        assert sender.send(METRICS, batch(), give_up_after_s=SOON) is True

    assert len(server.asked) == 4


def test_a_stopped_sender_gives_up(server: Server, sender: Sender, stop: threading.Event) -> None:
    def stopping(_: Asked) -> Told:
        stop.set()
        return Told(503)

    server.answer = stopping

    assert sender.send(METRICS, batch()) is False
    assert sender.send(METRICS, batch()) is False
    assert len(server.asked) == 1
