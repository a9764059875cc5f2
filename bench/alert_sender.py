"""Sends requests over kept connections, as fast as they are answered or each at its moment, from a process of its own.

    python -m bench.alert_sender ADDRESS TOKEN < plan

A plan is a list of frames: seconds after the start at which a request is due (a double; with ``--closed`` it counts
nothing), how many alerts it holds, and the bytes of the request. What refuses with 429 or 503 is sent again after what
its Retry-After says, as a real sender does. Prints one JSON object: answers, refusals, latencies.
"""

from __future__ import annotations

import argparse
import heapq
import json
import selectors
import socket
import struct
import sys
import time
from collections import deque
from urllib.parse import urlsplit

FRAME = struct.Struct("<dII")
CONNECTIONS = 16


class Connection:
    """One kept connection with at most one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""
        self.job: tuple[float, int, bytes] | None = None

    def send(self, job: tuple[float, int, bytes]) -> None:
        self.job = job
        self.socket.sendall(job[2])

    def answer(self) -> tuple[int, float] | None:
        """Status and Retry-After, once the answer is whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.read += piece
        head, found, rest = self.read.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        if len(rest) < int(fields.get(b"content-length", b"0")):
            return None
        self.read = b""
        return int(lines[0].split()[1]), float(fields.get(b"retry-after", b"1"))


def send(address: str, plan: list[tuple[float, int, bytes]], *, closed: bool, patience_s: float) -> dict[str, object]:
    """Send the plan; a latency counts from the moment at which a request was due."""
    parts = urlsplit(address)
    target = (parts.hostname or "", parts.port or 80)
    poll, idle = selectors.DefaultSelector(), deque[Connection]()

    def connect() -> None:
        connection = Connection(target)
        poll.register(connection.socket, selectors.EVENT_READ, connection)
        idle.append(connection)

    for _ in range(CONNECTIONS):
        connect()
    waiting, again = deque(plan), list[tuple[float, int, tuple[float, int, bytes]]]()
    began, latencies, statuses, alerts, busy = time.perf_counter(), list[float](), dict[str, int](), 0, 0
    refused = 0
    while waiting or again or busy:
        now = time.perf_counter() - began
        if now > patience_s:
            break
        while idle and again and again[0][0] <= now:
            idle.popleft().send(heapq.heappop(again)[2])
            busy += 1
        while idle and waiting and (closed or waiting[0][0] <= now):
            job = waiting.popleft()
            idle.popleft().send((now, *job[1:]) if closed else job)
            busy += 1
        due = [job[0] for job in again[:1]] + ([waiting[0][0]] if waiting and idle and not closed else [])
        for key, _ in poll.select(max(0.0, min([1.0, *(moment - now for moment in due)]))):
            asked: Connection = key.data
            if asked.job is None:
                _end(asked, poll, idle)
                connect()
                continue
            answer = asked.answer()
            if answer is None:
                continue
            status, retry_after_s = answer
            assert asked.job is not None
            job, asked.job = asked.job, None
            now = time.perf_counter() - began
            statuses[str(status)] = statuses.get(str(status), 0) + 1
            idle.append(asked)
            busy -= 1
            if status in (429, 503):
                refused += 1
                heapq.heappush(again, (now + retry_after_s, refused, job))
            else:
                latencies.append(now - job[0])
                alerts += job[1] if status < 300 else 0
    seconds = time.perf_counter() - began
    return {
        "began_at": time.time() - seconds,
        "seconds": seconds,
        "alerts": alerts,
        "statuses": statuses,
        "latencies_s": sorted(latencies),
        "unsent": len(waiting) + len(again) + busy,
    }


def _end(resting: Connection, poll: selectors.BaseSelector, idle: deque[Connection]) -> None:
    """Let go of a connection: a server closes one on which nothing is asked for some seconds."""
    poll.unregister(resting.socket)
    resting.socket.close()
    idle.remove(resting)


def frames(data: bytes, headers: bytes) -> list[tuple[float, int, bytes]]:
    """The plan of a run of frames: path and body, with a head put before them."""
    found, place = [], 0
    while place < len(data):
        due, alerts, size = FRAME.unpack_from(data, place)
        place += FRAME.size
        path, _, body = data[place : place + size].partition(b"\n")
        place += size
        verb = b"POST" if body else b"GET"
        head = b"%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (verb, path, headers, len(body))
        found.append((due, alerts, head + body))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("token")
    parser.add_argument("--closed", action="store_true", help="send as fast as answers come")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds after which it gives up")
    options = parser.parse_args()
    netloc = urlsplit(options.address).netloc
    fields = {"Host": netloc, "Authorization": f"Bearer {options.token}", "Content-Type": "application/json"}
    headers = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
    plan = frames(sys.stdin.buffer.read(), headers)
    print(json.dumps(send(options.address, plan, closed=options.closed, patience_s=options.patience)))


if __name__ == "__main__":
    main()
