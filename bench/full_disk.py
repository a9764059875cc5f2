"""A disk that runs full under a real server: what is refused, and whether anything acknowledged is lost.

    make bench NAME=full_disk [ARGS="--folder /mnt/small --seconds 60"]

A server keeps its data on a small file system: a tmpfs of its own where this runs as root, or ``--folder``, which has
to be one of at most 4 GiB, for it is filled. Senders post metrics and logs without a pause while other files fill the
disk: down to the floor below which nothing is taken in, to the last byte, and a few times so for a moment.
Then the room comes back. Each request has a series and a service of its own, so that what is stored is compared with
what was acknowledged request by request, before and after a restart.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

POINTS, RECORDS, PADDING = 500, 50, 4000
SENDERS = 4
PAUSE_S = 0.05
LARGEST = 4 << 30
SIZE_MIB = 700
QUIET = {
    "WELLKEPT_AGENT__ENABLED": "false",
    "WELLKEPT_ML__SERVE": "false",
    "WELLKEPT_INGEST__GRPC__ENABLED": "false",
    "WELLKEPT_RETENTION__RESERVE_MIB": "0",
}


@dataclass
class Ledger:
    """What was sent and how it was answered. Safe to write to from several threads."""

    acknowledged: dict[str, set[int]] = field(default_factory=lambda: {"metrics": set(), "logs": set()})
    answers: collections.Counter[str] = field(default_factory=collections.Counter)
    taken_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, signal: str, number: int, answer: httpx.Response | None) -> None:
        with self.lock:
            self.answers["none" if answer is None else str(answer.status_code)] += 1
            if answer is not None and answer.status_code == 503 and "retry-after" not in answer.headers:
                self.answers["503 without Retry-After"] += 1
            if answer is not None and answer.status_code == 200:
                self.acknowledged[signal].add(number)
                self.taken_at = time.monotonic()


class Server:
    """``wellkept up`` on a data folder."""

    def __init__(self, data: Path) -> None:
        self.data, self.said = data, data.parent / "said.txt"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WELLKEPT_")} | QUIET
        arguments = ["-m", "wellkept", "up", "--json", "--data", str(data), "--port", "0"]
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self.said.open("ab"),
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the server did not start: {self.said.read_text()}")
        words = json.loads(line)
        self.address, headers = words["address"], {"Authorization": f"Bearer {words['token']}"}
        self.http = httpx.Client(base_url=self.address, headers=headers, timeout=60)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(60)


def points(number: int) -> bytes:
    """A request of points whose series is named after it."""
    request, now = ExportMetricsServiceRequest(), time.time_ns()
    block = request.resource_metrics.add()
    block.resource.attributes.add(key="service.name").value.string_value = "full-disk"
    gauge = block.scope_metrics.add().metrics.add(name="full_disk", unit="").gauge
    for index in range(POINTS):
        point = gauge.data_points.add(time_unix_nano=now - index * 1_000_000, as_double=secrets.randbits(50) / 7)
        point.attributes.add(key="request").value.string_value = str(number)
    return request.SerializeToString()


def records(number: int) -> bytes:
    """A request of log records whose service is named after it; nothing of them can be packed."""
    request, now = ExportLogsServiceRequest(), time.time_ns()
    block = request.resource_logs.add()
    block.resource.attributes.add(key="service.name").value.string_value = f"r{number}"
    scope = block.scope_logs.add()
    for _ in range(RECORDS):
        scope.log_records.add(time_unix_nano=now, severity_number=9).body.string_value = secrets.token_hex(PADDING // 2)
    return request.SerializeToString()


def send(server: Server, ledger: Ledger, first: int, stop: threading.Event) -> None:
    """Post request after request, of both signals in turn; none is sent twice."""
    number = first
    with httpx.Client(base_url=server.address, headers=server.http.headers, timeout=60) as http:
        while not stop.is_set():
            number += SENDERS
            signal = "metrics" if number // SENDERS % 2 else "logs"
            answer = None
            with contextlib.suppress(httpx.HTTPError):
                answer = http.post(
                    f"/v1/{signal}",
                    content=points(number) if signal == "metrics" else records(number),
                    headers={"Content-Type": "application/x-protobuf"},
                )
            ledger.note(signal, number, answer)
            if answer is None or answer.status_code != 200:
                stop.wait(PAUSE_S)


def fill(file: Path, leave: int) -> None:
    """Write a file until only so many bytes are free, or none."""
    with contextlib.suppress(OSError), file.open("ab") as target:
        while (wanted := shutil.disk_usage(file.parent).free - leave) > 0:
            target.write(bytes(min(wanted, 4 << 20)))
            target.flush()


def story(folder: Path, ledger: Ledger, seconds: float) -> float:
    """The disk runs full in every way; gives the seconds from the return of the room to the next acknowledgement."""
    filler = folder / "filler"
    fill(filler, 200 << 20)
    until = time.monotonic() + seconds
    while not ledger.answers["503"] and time.monotonic() < until:
        time.sleep(0.1)
    fill(filler, 0)
    time.sleep(5)
    for _ in range(4):
        os.truncate(filler, 0)
        fill(filler, 200 << 20)
        time.sleep(2)
        fill(filler, 0)
        time.sleep(2)
    filler.unlink()
    freed = time.monotonic()
    while ledger.taken_at < freed and time.monotonic() < freed + 60:
        time.sleep(0.01)
    return max(0.0, ledger.taken_at - freed)


def lost(server: Server, ledger: Ledger, since: datetime) -> tuple[int, dict[str, int]]:
    """Acknowledged items that are not stored, and how many of each signal are stored."""
    query = {"query": "count_over_time(full_disk[6h])", "limit": "1000000"}
    series = server.http.post("/prometheus/api/v1/query", data=query).raise_for_status().json()["data"]["result"]
    counted = {int(row["metric"]["request"]): round(float(row["value"][1])) for row in series}
    found = server.http.get("/api/v1/stored", params={"since": since.isoformat()}).raise_for_status().json()
    logged = {int(key.removeprefix("service:r")): count for key, count in found["stored"]["logs"].items()}
    missing = sum(max(0, POINTS - counted.get(number, 0)) for number in ledger.acknowledged["metrics"])
    missing += sum(max(0, RECORDS - logged.get(number, 0)) for number in ledger.acknowledged["logs"])
    return missing, {"points": sum(counted.values()), "records": sum(logged.values())}


@contextlib.contextmanager
def small_disk(chosen: Path | None) -> Iterator[Path]:
    """A folder on a small file system."""
    if chosen is not None:
        if shutil.disk_usage(chosen).total > LARGEST:
            raise SystemExit(
                f"--folder {chosen}: must be on a file system of at most {LARGEST >> 30} GiB: it is filled"
            )
        yield chosen
        return
    if os.geteuid():
        raise SystemExit("only root can make a small file system: name a folder on one with --folder")
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def run(folder: Path, seconds: float) -> dict[str, object]:
    """The whole of it; gives what is printed."""
    ledger, stop = Ledger(), threading.Event()
    since = datetime.now(UTC) - timedelta(hours=1)
    server = Server(folder / "data")
    senders = [threading.Thread(target=send, args=(server, ledger, first, stop)) for first in range(SENDERS)]
    for sender in senders:
        sender.start()
    recovered_s = story(folder, ledger, seconds)
    time.sleep(3)
    stop.set()
    for sender in senders:
        sender.join()
    ran = server.is_running
    missing, stored = lost(server, ledger, since)
    ended = server.stop()
    again = Server(folder / "data")
    missing_after, stored_after = lost(again, ledger, since)
    again.stop()
    acknowledged = {"points": len(ledger.acknowledged["metrics"]) * POINTS}
    acknowledged["records"] = len(ledger.acknowledged["logs"]) * RECORDS
    return {
        "requests": sum(ledger.answers.values()),
        "answers": dict(sorted(ledger.answers.items())),
        "refused": ledger.answers["503"],
        "acknowledged": acknowledged,
        "stored": stored,
        "stored_after_restart": stored_after,
        "lost": missing,
        "lost_after_restart": missing_after,
        "recovered_s": round(recovered_s, 2),
        "ran_through": ran and ended == 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a folder on a file system of at most 4 GiB")
    parser.add_argument("--seconds", type=float, default=90, help="how long to wait for the first refusal")
    chosen = parser.parse_args()
    with small_disk(chosen.folder) as folder:
        print(json.dumps(run(folder, chosen.seconds)))


if __name__ == "__main__":
    main()
