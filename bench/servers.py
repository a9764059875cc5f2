"""Servers that take telemetry in, started on a fresh folder and measured from outside: this product and its peers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

READY_S = 60.0
SETTLED_S, SETTLES_AT_MOST_S = 12.0, 120.0
_CONFIGURATION = """
data: {data}
server: {{port: 0}}
agent: {{enabled: false}}
ops: {{enabled: {ops}}}
ml: {{enabled: false}}
ingest: {{grpc: {{enabled: false}}}}
"""


@dataclass(slots=True)
class Server:
    """A running server: where it listens, its process, its folder, and what proves who sends."""

    name: str
    address: str
    process: subprocess.Popen[str]
    folder: Path
    headers: dict[str, str] = field(default_factory=dict)
    write: str = "/api/v1/write"
    query: str = "/api/v1"

    def cpu_s(self) -> float:
        return float(sum(psutil.Process(self.process.pid).cpu_times()[:2]))

    def resident_mib(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss) >> 20

    def ask(self, path: str, body: bytes | None = None) -> Any:
        """The JSON answer of a path."""
        text = self.read(path, body)
        return json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def read(self, path: str, body: bytes | None = None) -> bytes:
        """The answer of a path as it came."""
        request = urllib.request.Request(f"{self.address}{path}", data=body, headers=self.headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            content: bytes = answer.read()
        return content


@contextlib.contextmanager
def wellkept(more: str = "", *, ops: bool = False) -> Iterator[Server]:
    """``wellkept up`` with nothing but its doors (and the ops loop), on a free port and in a folder of its own."""
    with _folder() as folder:
        configuration = folder / "wellkept.yaml"
        configuration.write_text(
            _CONFIGURATION.format(data=folder / "data", ops=str(ops).lower()) + more, encoding="utf-8"
        )
        command = [sys.executable, "-m", "wellkept", "up", "--config", str(configuration), "--json"]
        with _running(command, folder, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            headers = {"Authorization": f"Bearer {ready['token']}"}
            server = Server("wellkept", ready["address"], process, folder / "data" / "telemetry", headers)
            server.query = "/prometheus/api/v1"
            yield server


@contextlib.contextmanager
def prometheus(program: str) -> Iterator[Server]:
    """Prometheus that takes remote write."""
    with _folder() as folder:
        (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
        address = f"127.0.0.1:{_free_port()}"
        command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        command += ["--web.enable-remote-write-receiver", "--web.enable-admin-api", f"--web.listen-address={address}"]
        command += ["--storage.tsdb.retention.time=10y", "--log.level=warn"]
        with _running(command, folder) as process:
            server = Server("prometheus", f"http://{address}", process, folder / "data")
            _await(server, "/-/ready")
            yield server


@contextlib.contextmanager
def victoria_metrics(program: str) -> Iterator[Server]:
    with _folder() as folder:
        address = f"127.0.0.1:{_free_port()}"
        command = [program, f"-storageDataPath={folder / 'data'}", f"-httpListenAddr={address}", "-retentionPeriod=10y"]
        with _running([*command, "-loggerLevel=WARN"], folder) as process:
            server = Server("victoria-metrics", f"http://{address}", process, folder / "data")
            _await(server, "/health")
            yield server


def stored_bytes(server: Server) -> int:
    """What the server's data takes on disk once everything is written out and merged.

    Our engine keeps what it has merged for eight minutes, in case that the machine goes down; the server says what the
    rest takes.
    """
    if server.name == "prometheus":
        time.sleep(SETTLED_S)
        name = server.ask("/api/v1/admin/tsdb/snapshot", b"")["data"]["name"]
        return _size(server.folder / "snapshots" / name)
    if server.name == "victoria-metrics":
        server.ask("/internal/force_flush")
        server.ask("/internal/force_merge")
        return _settled(lambda: _size(server.folder / "data") + _size(server.folder / "indexdb"))
    return _settled(lambda: int(server.ask("/api/v1/status")["storage"]["bytes"]))


def found(peers: Path | None, program: str) -> str | None:
    """Where a peer's program is: installed, or unpacked by the folder of peers; None where it is neither."""
    if path := shutil.which(program):
        return path
    if peers is None:
        return None
    told = f"import common; print(common.ensure_deb({program!r}, {program!r}))"
    answer = subprocess.run([sys.executable, "-c", told], cwd=peers, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None


def _settled(size_of: Callable[[], int]) -> int:
    """A size that has stopped changing."""
    stop, size = time.monotonic() + SETTLES_AT_MOST_S, -1
    while time.monotonic() < stop and size != (size := size_of()):
        time.sleep(SETTLED_S)
    return size


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; what is removed meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(place) / name).stat().st_size
    return total


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _running(command: list[str], folder: Path, stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A process in the folder, ended by its id when the block is left; what it complains of is in ``log``."""
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=log, text=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(server: Server, path: str) -> None:
    stop = time.monotonic() + READY_S
    while True:
        try:
            server.ask(path)
        except (urllib.error.URLError, OSError):
            if time.monotonic() > stop or server.process.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
