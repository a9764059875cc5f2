"""Senders that try again across a server that is killed: every record is there, and none twice."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.ops.ingest.test_durability import HEADERS, SENDERS, door
from tests.store.telemetry.scenes import nanos

from wellkept.store.telemetry.telemetry import Telemetry

RECORDS, ROUNDS = 3, 3
_STORED = {
    "logs": "SELECT Body AS text, count() AS times FROM otel_logs GROUP BY text",
    "traces": "SELECT SpanName AS text, count() AS times FROM otel_traces GROUP BY text",
}


def logs(name: str) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for index in range(RECORDS):
        scope.log_records.add(time_unix_nano=nanos(index)).body.string_value = f"{name}.{index}"
    return request.SerializeToString()


def traces(name: str) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for index in range(RECORDS):
        scope.spans.add(start_time_unix_nano=nanos(index), end_time_unix_nano=nanos(9), name=f"{name}.{index}")
    return request.SerializeToString()


MAKE = {"logs": logs, "traces": traces}


@dataclass
class Sender:
    """Sends one request after another, and the same again until it is acknowledged; some it sends once more."""

    of: str
    number: int
    chance: random.Random
    acknowledged: list[str] = field(default_factory=list)
    pending: str = ""

    def send(self, client: httpx.Client) -> None:
        """One more request; an error leaves it pending."""
        repeats = bool(self.acknowledged) and not self.pending and self.chance.random() < 0.2
        name = self.acknowledged[-1] if repeats else self.pending or f"{self.number}.{len(self.acknowledged)}"
        self.pending = "" if repeats else name
        answer = client.post(f"/v1/{self.of}", content=MAKE[self.of](name), headers=HEADERS)
        assert answer.status_code == 200
        if not repeats:
            self.acknowledged.append(name)
            self.pending = ""


def until_killed(address: str, process: Popen[str], senders: list[Sender], kill_after: int) -> None:
    answered, lock = iter(range(kill_after)), threading.Lock()

    def run(sender: Sender) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while True:
                try:
                    sender.send(client)
                except httpx.TransportError:
                    return
                with lock:
                    is_enough = next(answered, None) is None
                if is_enough:
                    os.kill(process.pid, signal.SIGKILL)

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(run, senders))


def finish(address: str, senders: list[Sender]) -> None:
    """What is pending, and what was acknowledged last, once more."""
    with httpx.Client(base_url=address, timeout=60) as client:
        for sender in senders:
            for name in [*sender.acknowledged[-2:], *([sender.pending] if sender.pending else [])]:
                assert client.post(f"/v1/{sender.of}", content=MAKE[sender.of](name), headers=HEADERS).is_success


def expected(senders: list[Sender]) -> Iterator[str]:
    for sender in senders:
        for name in {*sender.acknowledged, *([sender.pending] if sender.pending else [])}:
            yield from (f"{name}.{index}" for index in range(RECORDS))


@pytest.mark.parametrize("of", ["logs", "traces"])
def test_every_record_is_there_once(tmp_path: Path, of: str) -> None:
    chance = random.Random(of)
    folder = tmp_path / "telemetry"
    senders = [Sender(of, number, random.Random(number)) for number in range(SENDERS)]
    for _ in range(ROUNDS):
        with door(folder) as (address, process):
            until_killed(address, process, senders, chance.randint(1, 40))
    with door(folder) as (address, _):
        finish(address, senders)

    telemetry = Telemetry.open(folder)
    rows = telemetry.engine.query(_STORED[of])
    telemetry.close()
    stored = dict(zip(rows["text"].to_pylist(), rows["times"].to_pylist(), strict=True))
    assert stored == dict.fromkeys(expected(senders), 1)
    assert all(sender.acknowledged for sender in senders)
