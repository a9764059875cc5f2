"""What was acknowledged is there after the process was killed, whenever that was."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.ops.ingest import door_process
from tests.store.telemetry.scenes import nanos

from wellkept.store.telemetry.telemetry import Telemetry

SENDERS, POINTS = 4, 3
HEADERS = {"Content-Type": "application/x-protobuf"}
_STORED = """
SELECT DISTINCT name, value FROM metric_points INNER JOIN metric_series USING series WHERE name LIKE 'round%'"""


def body(round_: int, number: int) -> bytes:
    """Points that exist once: of a series that is new every ten bodies, so that describing series is cut off, too."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=f"round{round_}.{number // 10}")
    for index in range(POINTS):
        value = number * POINTS + index
        metric.gauge.data_points.add(time_unix_nano=nanos(value), as_double=value)
    return request.SerializeToString()


@contextmanager
def door(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A process with the door, and its address; killed at the latest when the block ends."""
    command = [sys.executable, door_process.__file__, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


def acknowledged_until_killed(folder: Path, round_: int, kill_after: int) -> set[int]:
    """The numbers of the bodies that were acknowledged by a door that is killed in the midst of its work."""
    numbers, acknowledged, lock = itertools.count(), set[int](), threading.Lock()
    with door(folder) as (address, process):

        def send(_: int) -> None:
            with httpx.Client(base_url=address, timeout=60) as client:
                while True:
                    number = next(numbers)
                    try:
                        answer = client.post("/v1/metrics", content=body(round_, number), headers=HEADERS)
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 200
                    with lock:
                        acknowledged.add(number)
                        is_enough = len(acknowledged) >= kill_after
                    if is_enough:
                        os.kill(process.pid, signal.SIGKILL)

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, range(SENDERS)))
    return acknowledged


@pytest.mark.parametrize("seed", [1, 2])
def test_every_acknowledged_point_is_there_after_kill_9(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "telemetry"
    rounds = [acknowledged_until_killed(folder, index, chance.randint(1, 60)) for index in range(3)]
    telemetry = Telemetry.open(folder)
    rows = telemetry.engine.query(_STORED)
    telemetry.close()
    stored = set(zip(rows["name"].to_pylist(), rows["value"].to_pylist(), strict=True))
    wanted = {
        (f"round{round_}.{number // 10}", float(number * POINTS + index))
        for round_, numbers in enumerate(rounds)
        for number in numbers
        for index in range(POINTS)
    }
    assert all(rounds)
    assert wanted - stored == set()
