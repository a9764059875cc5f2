"""Load for model servers: wrk for the rate, and an open-loop sender for latency at a rate that is held.

The sender does not wait for answers before it goes on: a request has the moment at which it is due, and its latency
counts from there, so a server that stalls is charged for everything that was due meanwhile (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import uvloop

TICK_S = 0.0005
DRAIN_S = 5.0
CONNECTIONS = 32
_LUA = """
local file = io.open(%(body)s, "rb"); wrk.body = file:read("*a"); file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency, requests)
  local e = summary.errors
  local form = '{"requests":%%d,"duration_us":%%d,"refused":%%d,"broken":%%d,"p50":%%.1f,"p99":%%.1f}'
  io.write(string.format('\\nJSON ' .. form .. '\\n',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Driven:
    """What wrk saw: 2xx answers a second, milliseconds of its closed loop, and what failed."""

    per_s: float
    answers: int
    failed: int
    p50_ms: float
    p99_ms: float


class Wrk:
    """wrk with one thread: installed, or unpacked by the folder of peers, with the library that Debian's needs."""

    def __init__(self, peers: Path | None) -> None:
        self._program, self.environment = shutil.which("wrk"), dict(os.environ)
        if self._program is None and peers is not None:
            told = "import common; print(common.ensure_wrk()); print(common.PEERS_HOME)"
            program, home = _said(["python3", "-c", told], peers).split()
            self._program = program
            self.environment["LD_LIBRARY_PATH"] = str(_library(program, Path(home)))
        if self._program is None:
            raise SystemExit("wrk is needed: install it, or name the folder of peers with --peers")

    def drive(self, url: str, body: bytes, connections: int, seconds: float) -> Driven:
        with tempfile.TemporaryDirectory(prefix="bench-wrk-") as folder:
            path, script = Path(folder, "body"), Path(folder, "script.lua")
            path.write_bytes(body)
            script.write_text(_LUA % {"body": json.dumps(str(path))}, encoding="utf-8")
            command = [str(self._program), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout=10s"]
            answer = subprocess.run(
                [*command, "-s", str(script), url],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=seconds + 60,
                check=False,
            )
        lines = [line for line in answer.stdout.splitlines() if line.startswith("JSON ")]
        if not lines:
            raise SystemExit(f"wrk failed: {answer.stdout[-300:]} {answer.stderr[-300:]}")
        said = json.loads(lines[-1][5:])
        answers = said["requests"] - said["refused"]
        per_s = answers / (said["duration_us"] / 1e6)
        return Driven(per_s, answers, said["refused"] + said["broken"], said["p50"] / 1000, said["p99"] / 1000)


def _library(program: str, home: Path) -> Path:
    """The folder of LuaJIT's library, unpacked where the machine has none."""
    folder = home / "deb" / "luajit"
    found = next(folder.rglob("libluajit-5.1.so.2"), None)
    if found is None and "not found" in _said(["ldd", program], home):
        folder.mkdir(parents=True, exist_ok=True)
        _said(["apt-get", "download", "libluajit-5.1-2"], folder)
        for package in folder.glob("*.deb"):
            _said(["dpkg-deb", "-x", str(package), str(folder)], folder)
        found = next(folder.rglob("libluajit-5.1.so.2"), None)
    return found.parent if found is not None else folder


def _said(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@dataclass(slots=True)
class Sent:
    """What became of the requests of a sender. ``latencies_s`` and ``answered`` (their numbers) are in one order."""

    due: int = 0
    latencies_s: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    failed: int = 0

    def p99_ms(self) -> float:
        return float(np.percentile(self.latencies_s, 99)) * 1000 if self.latencies_s else float("nan")

    def figures(self) -> dict[str, Any]:
        found = np.percentile(self.latencies_s or [float("nan")], [50, 99, 99.9]) * 1000
        names = ("p50_ms", "p99_ms", "p999_ms")
        return {"sent": self.due, "failed": self.failed, **dict(zip(names, found.round(2).tolist(), strict=True))}


def held(url: str, body: bytes, per_s: float, seconds: float) -> Sent:
    """Send at a rate that is held. ``body`` may hold ``@NUMBER@@``, which becomes the request's number (9 digits)."""
    return uvloop.run(_held(url, body, per_s, seconds))


async def _held(url: str, body: bytes, per_s: float, seconds: float) -> Sent:
    parts, loop, sent = urlsplit(url), asyncio.get_running_loop(), Sent()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    lane = _Sender(parts.hostname or "", parts.port or 80, head.encode() + body, sent)
    for _ in range(CONNECTIONS):
        await lane.connect()
    began, count = loop.time(), int(per_s * seconds)
    while sent.due < count:
        now = loop.time()
        while sent.due < count and began + sent.due / per_s <= now:
            lane.take(sent.due, began + sent.due / per_s)
            sent.due += 1
        await asyncio.sleep(TICK_S)
    stop = loop.time() + DRAIN_S
    while lane.is_waiting() and loop.time() < stop:
        await asyncio.sleep(0.01)
    sent.failed = sent.due - len(sent.answered)
    lane.close()
    return sent


class _Sender:
    """Connections, and the requests that wait for one that is free."""

    def __init__(self, host: str, port: int, request: bytes, sent: Sent) -> None:
        self._host, self._port, self.sent = host, port, sent
        self._before, self._named, self._after = request.partition(b"@NUMBER@@")
        self._free: deque[_Line] = deque()
        self._lines: set[_Line] = set()
        self._waiting: deque[tuple[int, float]] = deque()
        self._is_closed = False

    async def connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Line(self), self._host, self._port)
        except OSError:
            if not self._is_closed:
                asyncio.get_running_loop().call_later(0.1, self.again)

    def again(self) -> None:
        """A connection that broke is made anew."""
        if not self._is_closed:
            self._task = asyncio.ensure_future(self.connect())

    def take(self, number: int, due: float) -> None:
        self._waiting.append((number, due))
        self._go()

    def is_waiting(self) -> bool:
        return bool(self._waiting) or any(line.number is not None for line in self._lines)

    def opened(self, line: _Line) -> None:
        self._lines.add(line)
        self.free(line)

    def free(self, line: _Line) -> None:
        self._free.append(line)
        self._go()

    def lost(self, line: _Line) -> None:
        self._lines.discard(line)
        if line in self._free:
            self._free.remove(line)
        self.again()

    def close(self) -> None:
        self._is_closed = True
        for line in list(self._lines):
            line.close()

    def _go(self) -> None:
        while self._waiting and self._free:
            number, due = self._waiting.popleft()
            named = b"%09d" % number if self._named else b""
            self._free.popleft().send(self._before + named + self._after, number, due)


class _Line(asyncio.Protocol):
    """One connection with one request at a time. An answer of ours is far smaller than what comes at once."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self.number: int | None = None
        self._due, self._seen = 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._sender.opened(self)

    def send(self, request: bytes, number: int, due: float) -> None:
        self.number, self._due, self._seen = number, due, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, _, body = self._seen.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if not length or len(body) < int(length) or self.number is None:
            return
        if self._seen.startswith(b"HTTP/1.1 200"):
            self._sender.sent.answered.append(self.number)
            self._sender.sent.latencies_s.append(asyncio.get_running_loop().time() - self._due)
        self.number = None
        self._sender.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature of a protocol
        self.number = None
        self._sender.lost(self)

    def close(self) -> None:
        self._transport.close()
