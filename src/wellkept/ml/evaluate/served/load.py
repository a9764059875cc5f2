"""Requests that leave at a declared rate, whether or not the ones before were answered (an open loop).

They leave at random moments of that rate, as those of callers who know nothing of each other do, over as many
connections as it takes. A latency is from the moment at which a request was written to the last byte of its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PATIENCE_S = 5.0
"""What the last answers get after the last request has left."""
MOST_CONNECTIONS = 256
SEED = 23


@dataclass(frozen=True, slots=True)
class Driven:
    """What came of it: the latencies of what was answered, in seconds, and over how long it was sent and answered."""

    latencies: tuple[float, ...]
    sent: int
    failed: int
    took_s: float
    why: str = ""
    """What the first failure said."""


class Driver:
    """Sends bodies to one path of a server."""

    def __init__(self, host: str, port: int, path: str, bodies: Sequence[bytes]) -> None:
        self._host, self._port = host, port
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: "
        self._requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._latencies: list[float] = []
        self._failed, self._why = 0, ""

    async def drive(self, per_s: float, seconds: float) -> Driven:
        """Send for some seconds at a rate."""
        count = max(1, round(per_s * seconds))
        gaps = np.random.default_rng(SEED).exponential(1.0, count)
        moments = np.cumsum(gaps) * seconds / max(float(gaps.sum()), 1e-9)
        began, tasks = time.perf_counter(), []
        for index, moment in enumerate(moments.tolist()):
            pause = began + moment - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(self._one(self._requests[index % len(self._requests)])))
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
        took = time.perf_counter() - began
        for task in late:
            task.cancel()
            self._fail(f"no answer within {PATIENCE_S:g} s of the last request")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*late, return_exceptions=True)
        await self._close()
        return Driven(tuple(self._latencies), count, self._failed, took, self._why)

    async def _one(self, request: bytes) -> None:
        """One request; this is the edge at which whatever goes wrong with it is counted."""
        writer = None
        try:
            reader, writer = self._idle.pop() if self._idle else await self._connected()
            began = time.perf_counter()
            writer.write(request)
            status, size = _head(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(size)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            if writer is not None:
                writer.close()
                self._writers.discard(writer)
            return self._fail(f"{type(error).__name__}: {error}")
        self._idle.append((reader, writer))
        if status != 200:
            return self._fail(f"{status}: {body[:200].decode(errors='replace')}")
        self._latencies.append(time.perf_counter() - began)
        return None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if len(self._writers) >= MOST_CONNECTIONS:
            raise OSError(f"{MOST_CONNECTIONS} requests were waiting for their answers")
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self._writers.add(writer)
        return reader, writer

    async def _close(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _fail(self, why: str) -> None:
        self._failed += 1
        self._why = self._why or why


def _head(data: bytes) -> tuple[int, int]:
    """The status of an answer and the size of its body."""
    lines = data.decode("latin-1").split("\r\n")
    sizes = [line.partition(":")[2] for line in lines if line.lower().startswith("content-length:")]
    return int(lines[0].split(" ")[1]), int(sizes[0]) if sizes else 0
