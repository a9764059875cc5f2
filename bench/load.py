"""Load for doors: request bodies made beforehand in files, and senders that post them over kept connections.

A payload is a folder with one file a shard; a file is a run of frames: the length of a body and the number of its items
as two little-endian numbers of 32 bits, and the body. One connection sends one shard, each request after the answer to
the one before, as senders of telemetry do.
"""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cramjam
import numpy as np

HEAD = struct.Struct("<II")
PER_REQUEST = 2000
"""Samples of remote write in a request."""
PATIENCE_S = 60.0
MOST_AHEAD = 8
"""So many requests may a connection be ahead of the last one."""

METRICS = {
    "http_requests_total": "counter",
    "request_seconds_bucket": "counter",
    "memory_bytes": "gauge",
    "cpu_seconds_total": "counter",
    "pod_ready": "constant",
    "calls_handled_total": "counter",
    "disk_seconds_total": "counter",
    "open_connections": "gauge",
    "queue_length": "gauge",
    "build_info": "constant",
}
ZONES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Payload:
    """Request bodies in a folder, and how they are posted."""

    folder: Path
    shards: int
    items: int
    requests: int
    headers: dict[str, str] = field(default_factory=dict)


def written(folder: Path, shards: Sequence[Iterator[tuple[bytes, int]]], headers: dict[str, str]) -> Payload:
    """Write bodies with their numbers of items, shard by shard."""
    folder.mkdir(parents=True)
    items = requests = 0
    for number, bodies in enumerate(shards):
        with (folder / f"{number}").open("wb") as file:
            for body, count in bodies:
                file.write(HEAD.pack(len(body), count) + body)
                items, requests = items + count, requests + 1
    return Payload(folder, len(shards), items, requests, headers)


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written by remote write: ``series`` series with ten labels each, ``steps`` samples of each.

    The last sample is ``ago_s`` seconds old when the payload is made.
    """

    series: int
    steps: int
    step_ms: int = 15_000
    ago_s: int = 0
    names: Sequence[str] = (*METRICS,)
    seed: int = 1


def remote_write(folder: Path, writing: Writing, shards: int) -> Payload:
    """Requests of remote write 1.0, each shard its own series."""
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    names, end_ms = writing.names, (int(time.time()) - writing.ago_s) * 1000
    times = end_ms - writing.step_ms * np.arange(writing.steps - 1, -1, -1, dtype=np.int64)
    labels = [_labels(names[number % len(names)], number // len(names)) for number in range(writing.series)]
    values = _values(labels, writing.steps, np.random.default_rng(writing.seed))
    made = [_requests1([_encoded(one) for one in labels[n::shards]], values[n::shards], times) for n in range(shards)]
    return written(folder, made, headers)


def _labels(name: str, instance: int) -> dict[str, str]:
    service = f"service-{instance % 20:02}"
    return {
        "__name__": name,
        "cluster": "north-1",
        "instance": f"10.1.{instance // 250}.{instance % 250}:9100",
        "job": "pods",
        "namespace": f"team-{instance % 5}",
        "pod": f"{service}-{instance * 2654435761 % 2**28:07x}",
        "service": service,
        "state": ("ok", "late", "lost")[instance % 3],
        "version": f"1.{instance % 7}.0",
        "zone": ZONES[instance % 3],
    }


def _values(labels: Sequence[dict[str, str]], steps: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    values = np.empty((len(labels), steps))
    for row, one in enumerate(labels):
        match METRICS[one["__name__"]]:
            case "counter":
                values[row] = rng.integers(0, 10**6) + np.cumsum(rng.poisson(rng.choice([0.2, 5, 60, 2000]), steps))
            case "gauge":
                values[row] = np.round(rng.uniform(10, 1000) + np.cumsum(rng.normal(0, 1, steps)), 2)
            case _:
                values[row] = float(rng.integers(0, 4))
    return values


def _encoded(labels: dict[str, str]) -> bytes:
    pairs = ((name.encode(), text.encode()) for name, text in sorted(labels.items()))
    return b"".join(sized(1, sized(1, name) + sized(2, text)) for name, text in pairs)


def _requests1(
    labels: Sequence[bytes], values: np.ndarray[Any, Any], times: np.ndarray[Any, Any]
) -> Iterator[tuple[bytes, int]]:
    """Requests in the order of time."""
    samples = (
        sized(1, prefix + sized(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(int(at))))
        for at, row in zip(times, values.T, strict=True)
        for prefix, value in zip(labels, row, strict=True)
    )
    while part := list(itertools.islice(samples, PER_REQUEST)):
        yield bytes(cramjam.snappy.compress_raw(b"".join(part))), len(part)


def sized(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def otlp(folder: Path, make: Callable[[int, int], bytes], requests: int, records: int, shards: int) -> Payload:
    """OTLP requests of ``records`` each; ``make`` gets the time in nanoseconds and the number of records."""
    now = time.time_ns()

    def shard(first: int) -> Iterator[tuple[bytes, int]]:
        for number in range(first, requests, shards):
            yield make(now - (requests - number) * 10**9 // 10, records), records

    return written(folder, [shard(n) for n in range(shards)], {"Content-Type": "application/x-protobuf"})


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a payload: items that were accepted, the wall time, seconds to each answer, statuses."""

    items: int
    wall_s: float
    latencies_s: list[float]
    statuses: dict[int, int]
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.items / self.wall_s

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else 0.0


def send(
    payload: Payload, url: str, headers: dict[str, str] | None = None, per_s: float = 0.0, limit_s: float = 300.0
) -> Sent:
    """Post all of it, one connection a shard, from two processes; ``per_s``: items a second, 0 for no limit."""
    context = multiprocessing.get_context("spawn")
    processes = min(payload.shards, 2)
    barrier, results = context.Barrier(processes), context.Queue()
    progress = context.Array("i", payload.shards, lock=False)
    pace = payload.shards / per_s if per_s else 0.0
    job = _Job(payload.folder, url, {**payload.headers, **(headers or {})}, pace, limit_s, progress)
    workers = [
        context.Process(target=_work, args=(job, range(n, payload.shards, processes), barrier, results))
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=limit_s + 60) for _ in workers]
    for worker in workers:
        worker.join()
    wall = max(one["end"] for one in found) - min(one["begun"] for one in found)
    statuses: dict[int, int] = {}
    for one in found:
        for status, count in one["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    latencies = [taken for one in found for taken in one["latencies"]]
    return Sent(sum(one["items"] for one in found), wall, latencies, statuses, sum(one["cpu_s"] for one in found))


@dataclass(frozen=True, slots=True)
class _Job:
    """What every connection does. ``progress``: requests that each shard has sent, in memory that all share.

    The shards of a real sender are about as far as one another, and some receivers refuse what is an hour behind; so no
    connection runs far ahead of the last.
    """

    folder: Path
    url: str
    headers: dict[str, str]
    pace: float
    limit_s: float
    progress: Any


def _work(job: _Job, shards: Sequence[int], barrier: Any, results: Any) -> None:
    """A process of several connections, each a thread."""
    mine: dict[str, Any] = {"items": 0, "latencies": [], "statuses": {}}
    lock = threading.Lock()
    barrier.wait()
    mine["begun"] = time.perf_counter()
    stop = mine["begun"] + job.limit_s
    threads = [threading.Thread(target=_connection, args=(job, shard, stop, mine, lock)) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mine["end"], mine["cpu_s"] = time.perf_counter(), sum(os.times()[:2])
    results.put(mine)


def _connection(job: _Job, shard: int, stop: float, mine: dict[str, Any], lock: Any) -> None:
    """Post a shard; what is refused for the moment (429, 503) comes again after the time it was told."""
    parts = urlsplit(job.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    due = time.perf_counter()
    for number, (body, items) in enumerate(frames(job.folder / f"{shard}")):
        while number - min(job.progress) > MOST_AHEAD:
            time.sleep(0.001)
        while time.perf_counter() < stop:
            time.sleep(max(0.0, due - time.perf_counter()))
            begun = time.perf_counter()
            connection.request("POST", parts.path, body, job.headers)
            answer = connection.getresponse()
            answer.read()
            taken = time.perf_counter() - begun
            is_taken = answer.status < 300
            with lock:
                mine["latencies"].append(taken)
                mine["statuses"][answer.status] = mine["statuses"].get(answer.status, 0) + 1
                mine["items"] += items if is_taken else 0
            if answer.status not in (429, 503):
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        due += items * job.pace
        job.progress[shard] = number + 1
    job.progress[shard] = 1 << 30
    connection.close()


def frames(file: Path) -> Iterator[tuple[bytes, int]]:
    """The bodies of a shard, with their numbers of items."""
    with file.open("rb") as held:
        while head := held.read(HEAD.size):
            length, items = HEAD.unpack(head)
            yield held.read(length), items
