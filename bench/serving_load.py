"""Load for model servers: wrk for the rate, and an open-loop sender for latency at a rate that is held.

The sender does not wait for answers before it goes on: a request has the moment at which it is due, and its latency
counts from there, so a server that stalls is charged for everything that was due meanwhile (no coordinated omission).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

REOPEN_S, DRAIN_S = 0.1, 5.0
CONNECTIONS = 16
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
    """Send at a rate that is held. ``body`` may hold ``@NUMBER@@``, which becomes the request's number (9 digits).

    A loop over plain sockets: what the sender takes of a small machine is taken from the server that it measures.
    """
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    sender = _Sender((parts.hostname or "", parts.port or 80), head.encode() + body)
    sent, began, count = sender.sent, time.perf_counter(), int(per_s * seconds)
    stop = began + seconds + DRAIN_S
    while sent.due < count or sender.is_waiting():
        now = time.perf_counter()
        if now > stop:
            break
        while sent.due < count and began + sent.due / per_s <= now:
            sender.take(sent.due, began + sent.due / per_s)
            sent.due += 1
        following = began + sent.due / per_s if sent.due < count else stop
        sender.listen(max(0.0, min(following - time.perf_counter(), REOPEN_S)))
    sent.failed = sent.due - len(sent.answered)
    sender.close()
    return sent


@dataclass(slots=True, eq=False)
class _Line:
    """One connection with one request at a time. An answer of ours is far smaller than what comes at once."""

    socket: socket.socket
    number: int = -1
    due: float = 0.0
    seen: bytes = b""

    def is_whole(self) -> bool:
        """Whether all of an answer has come."""
        head, _, body = self.seen.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        return bool(length) and len(body) >= int(length)


class _Sender:
    """Connections, and the requests that wait for one that is free. One that breaks is made anew."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self._address, self.sent = address, Sent()
        self._before, self._named, self._after = request.partition(b"@NUMBER@@")
        self._waiting: deque[tuple[int, float]] = deque()
        self._free: list[_Line] = []
        self._busy: dict[int, _Line] = {}
        self._poll, self._reopen_at = select.epoll(), 0.0
        self._open()

    def take(self, number: int, due: float) -> None:
        self._waiting.append((number, due))
        self._go()

    def is_waiting(self) -> bool:
        return bool(self._waiting or self._busy)

    def listen(self, timeout_s: float) -> None:
        """Take in the answers that came; where there is none, wait (``select`` knows less than a millisecond)."""
        if not self._take_in(0.0):
            select.select([self._poll.fileno()], [], [], timeout_s)
            self._take_in(0.0)
        self._open()
        self._go()

    def close(self) -> None:
        for line in (*self._free, *self._busy.values()):
            line.socket.close()
        self._poll.close()

    def _take_in(self, timeout_s: float) -> bool:
        events = self._poll.poll(timeout_s)
        for descriptor, _ in events:
            line = self._busy.get(descriptor) or next(one for one in self._free if one.socket.fileno() == descriptor)
            self._read(descriptor, line)
        return bool(events)

    def _read(self, descriptor: int, line: _Line) -> None:
        try:
            data = line.socket.recv(65536)
        except OSError:
            data = b""
        line.seen += data
        if not data:
            self._lose(descriptor, line)
        elif line.is_whole():
            if line.seen.startswith(b"HTTP/1.1 200"):
                self.sent.answered.append(line.number)
                self.sent.latencies_s.append(time.perf_counter() - line.due)
            del self._busy[descriptor]
            self._free.append(line)

    def _lose(self, descriptor: int, line: _Line) -> None:
        if self._busy.pop(descriptor, None) is None:
            self._free.remove(line)
        self._poll.unregister(descriptor)
        line.socket.close()

    def _open(self) -> None:
        """Make the connections that there are too few of; where nobody takes them, try again later."""
        now = time.perf_counter()
        while now >= self._reopen_at and len(self._free) + len(self._busy) < CONNECTIONS:
            try:
                made = socket.create_connection(self._address, timeout=1.0)
            except OSError:
                self._reopen_at = now + REOPEN_S
                return
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(made.fileno(), select.EPOLLIN)
            self._free.append(_Line(made))

    def _go(self) -> None:
        while self._waiting and self._free:
            line = self._free.pop()
            line.number, line.due = self._waiting.popleft()
            line.seen, descriptor = b"", line.socket.fileno()
            self._busy[descriptor] = line
            named = b"%09d" % line.number if self._named else b""
            try:
                line.socket.sendall(self._before + named + self._after)
            except OSError:
                self._lose(descriptor, line)
