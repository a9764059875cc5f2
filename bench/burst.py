"""A burst of a million new series: what each request is told, and whether everybody else goes on being served.

    python -m bench.burst [--series 1000000] [--only limited|unlimited]

``limited``: a server with the limits that it has by default takes a burst of one metric, and one of many metrics of one
service, each by OTLP and by remote write. Meanwhile a neighbour sends points of another metric and service, and asks
for them. ``unlimited``: the same series with every limit off, and a restart with all of them (``kill -9``). Prints one
JSON object; ``ok`` says whether the neighbour was always acknowledged and answered, whether as many series were let in
as there may be and not one more, and whether it started again within 5 seconds.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from bench.bursts import BURSTS, DOORS, PROTOBUF, Burst
from bench.load import Payload, frames
from bench.restarting import Server
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from wellkept.store.telemetry.points.limits import PointLimits

EVERY_S, LOOK_EVERY_S = 0.1, 1.0
LIMIT_S, PATIENCE_S = 5.0, 120.0
OFF = {f"WELLKEPT_INGEST__METRICS__{name}": "0" for name in ("SERIES", "SERIES_OF_METRIC", "SERIES_OF_SERVICE")}
_REJECTED = re.compile(rb"(\d+) of its samples are not stored: (.*)")


@dataclass
class Told:
    """What the requests of a burst were told. Safe to write to from several threads."""

    answers: collections.Counter[str] = field(default_factory=collections.Counter)
    rejected: int = 0
    reasons: set[str] = field(default_factory=set)
    taken_s: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, status: int, said: bytes, taken_s: float) -> None:
        rejected, reason = 0, ""
        if status == 200 and said:
            partial = ExportMetricsServiceResponse.FromString(said).partial_success
            rejected, reason = partial.rejected_data_points, partial.error_message
        elif status == 400 and (match := _REJECTED.search(said)):
            rejected, reason = int(match[1]), match[2].decode()
        with self._lock:
            self.answers[f"{status}{', in part' if rejected else ''}"] += 1
            self.rejected += rejected
            self.taken_s.append(taken_s)
            if reason:
                self.reasons.add(re.sub(r"(?<=has )\d+", "N", reason))


class Door:
    """A connection that is kept."""

    def __init__(self, server: Server, path: str, headers: dict[str, str]) -> None:
        parts = urlsplit(server.place.http)
        self._path, self._headers = path, {**headers, "Authorization": f"Bearer {server.place.token}"}
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)

    def post(self, body: bytes, told: Told) -> int:
        """Send a body once; the status."""
        begun = time.perf_counter()
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        told.note(answer.status, said, time.perf_counter() - begun)
        return answer.status

    def close(self) -> None:
        self._connection.close()


def post(server: Server, burst: Burst, payload: Payload, told: Told) -> float:
    """Send all of it over some connections; how long it took. What is put off comes again after a second."""

    def connection(shard: int) -> None:
        with contextlib.closing(Door(server, DOORS[burst.door], payload.headers)) as door:
            for body, _ in frames(payload.folder / str(shard)):
                while door.post(body, told) in (429, 503):
                    time.sleep(1)

    begun = time.perf_counter()
    threads = [threading.Thread(target=connection, args=(shard,)) for shard in range(payload.shards)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


class Neighbour:
    """Somebody who has nothing to do with the burst: sends ten points at a time, and asks for one of them."""

    def __init__(self, server: Server) -> None:
        self.told, self.asked_s, self.peak_mib = Told(), [0.0], 0
        self.unanswered = 0
        self._server, self._stop = server, threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._send, self._ask, self._look)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        with contextlib.closing(Door(self._server, DOORS["otlp"], PROTOBUF)) as door:
            while not self._stop.wait(EVERY_S):
                door.post(points(), self.told)

    def _ask(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            begun = time.perf_counter()
            try:
                self.unanswered += self._server.total("count(neighbour)") != 10
            except OSError:
                self.unanswered += 1
            self.asked_s.append(time.perf_counter() - begun)

    def _look(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.peak_mib = max(self.peak_mib, self._server.resident_mib())

    def figures(self) -> dict[str, Any]:
        sent = sorted(self.told.taken_s)
        return {
            "acknowledged": self.told.answers["200"],
            "refused": sum(self.told.answers.values()) - self.told.answers["200"],
            "ack_p99_ms": round(sent[int(len(sent) * 0.99)] * 1000, 1) if sent else None,
            "unanswered": self.unanswered,
            "query_max_ms": round(max(self.asked_s) * 1000),
        }


def points() -> bytes:
    """Ten points of a metric of its own."""
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.add(key="service.name").value.string_value = "neighbour"
    metric = block.scope_metrics.add().metrics.add(name="neighbour")
    for number in range(10):
        point = metric.gauge.data_points.add(time_unix_nano=time.time_ns(), as_double=float(number))
        point.attributes.add(key="number").value.string_value = str(number)
    return request.SerializeToString()


def taken(server: Server, burst: Burst, payload: Payload, limits: PointLimits) -> dict[str, Any]:
    """One burst, and how it went for everybody."""
    before, there, told = server.resident_mib(), series_of(server), Told()
    with Neighbour(server) as neighbour:
        seconds = post(server, burst, payload, told)
        time.sleep(2)
    figures = {
        "seconds": round(seconds, 1),
        "answers": dict(told.answers),
        "rejected": told.rejected,
        "reasons": sorted(told.reasons)[:3],
        "longest_ms": round(max(told.taken_s) * 1000),
        "let_in": series_of(server) - there,
        "may_be": burst.most(payload.items, limits),
        "neighbour": neighbour.figures(),
        "resident_mib": {"before": before, "peak": neighbour.peak_mib, "after": server.resident_mib()},
    }
    say(f"{burst.name}: {figures}")
    return figures


def series_of(server: Server) -> int:
    """How many series the server says that it has."""
    return int(server.ask("/api/v1/status")["doors"]["metrics"]["series"])


def run(folder: Path, series: int, limits: PointLimits, bursts: Sequence[Burst], **changes: str) -> dict[str, Any]:
    """The bursts, one after the other, on one server, and its restart."""
    data = folder / "data"
    server = Server(data, **changes)
    server.start()
    try:
        with contextlib.closing(Door(server, DOORS["otlp"], PROTOBUF)) as door:
            door.post(points(), Told())
        found = {burst.name: taken(server, burst, burst.payload(folder, series), limits) for burst in bursts}
        held = series_of(server)
        server.kill()
        restart_s = server.start()
        with Neighbour(server) as neighbour:
            time.sleep(5)
    finally:
        server.kill()
    after = neighbour.figures() | {"resident_mib": neighbour.peak_mib}
    return {"bursts": found, "series": held, "restart_s": round(restart_s, 2), "after_restart": after}


def is_fine(result: dict[str, Any]) -> bool:
    neighbours = [result["after_restart"], *(one["neighbour"] for one in result["bursts"].values())]
    is_served = not any(one["refused"] or one["unanswered"] for one in neighbours)
    is_exact = all(one["let_in"] == one["may_be"] for one in result["bursts"].values())
    return is_served and is_exact and bool(result["restart_s"] < LIMIT_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["limited", "unlimited"])
    chosen = parser.parse_args()
    ways: dict[str, tuple[PointLimits, Sequence[Burst], dict[str, str]]] = {
        "limited": (PointLimits(), BURSTS, {}),
        "unlimited": (PointLimits(series=0, series_of_metric=0, series_of_service=0), BURSTS[:2], OFF),
    }
    result = {}
    for name, (limits, bursts, changes) in ways.items():
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                result[name] = run(Path(folder), chosen.series, limits, bursts, **changes)
    print(json.dumps({**result, "ok": all(map(is_fine, result.values()))}))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
