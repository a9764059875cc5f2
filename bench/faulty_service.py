"""One service of the small system that ``bench/diagnosis_faults.py`` breaks. Needs nothing but the standard library.

    python bench/faulty_service.py SETTINGS.json

A request is a line of JSON over TCP, and so is the answer. The service works for some milliseconds of CPU, writes to
its volume where it has one, asks those that it depends on one after another, and notes a span of each. ``{"set": ...}``
changes how it works: that is how faults come into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

SERVER, CLIENT, OK, ERROR = 2, 3, 0, 2
PATIENCE_S = 3.0
RECORD = b"x" * 4096
KEPT = 20
"""So many records are kept in a volume."""


class Service:
    """What one service is and does."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.name, self.port = settings["name"], settings["port"]
        self.calls: list[tuple[str, int]] = [(name, port) for name, port in settings["calls"]]
        self.volume = Path(settings["volume"]) if settings["volume"] else None
        self.work_s, self.sleep_s, self.failing = settings["work_s"], 0.0, 0.0
        self._spans = Path(settings["spans"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - for good
        self._written: deque[Path] = deque()
        self._ids, self._dice = itertools.count(1), random.Random(settings["seed"])

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):  # who asked may have lost patience
            await self._answers(reader, writer)
        writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            if "set" in asked:
                for name, value in asked["set"].items():
                    setattr(self, name, value)
                said = True
            else:
                said = await self.handle(asked["trace"], asked["parent"])
            writer.write(json.dumps({"ok": said}).encode() + b"\n")
            await writer.drain()

    async def handle(self, trace: int, parent: int) -> bool:
        span, begun = self._next(), time.time_ns()
        is_fine = self._dice.random() >= self.failing
        if is_fine:
            _burn(self.work_s)
            await asyncio.sleep(self.sleep_s)
            is_fine = self._write()
        for name, port in self.calls:
            if is_fine:
                is_fine = await self._ask(name, port, trace, span)
        self._note(trace, span, parent, SERVER, begun, is_fine, "")
        return is_fine

    def _write(self) -> bool:
        """A record into the volume; the oldest ones go."""
        if self.volume is None:
            return True
        number = next(self._ids)
        try:
            (self.volume / f"{self.name}-{number}").write_bytes(RECORD)
            self._written.append(self.volume / f"{self.name}-{number}")
            if len(self._written) > KEPT:
                self._written.popleft().unlink()
        except OSError:
            return False
        return True

    async def _ask(self, name: str, port: int, trace: int, parent: int) -> bool:
        span, begun = self._next(), time.time_ns()
        try:
            async with asyncio.timeout(PATIENCE_S):
                is_fine = await asked(port, {"trace": trace, "parent": span})
        except (OSError, TimeoutError, ValueError):
            is_fine = False
        self._note(trace, span, parent, CLIENT, begun, is_fine, name)
        return is_fine

    def _next(self) -> int:
        return os.getpid() << 32 | next(self._ids)

    def _note(self, trace: int, span: int, parent: int, kind: int, begun: int, is_fine: bool, peer: str) -> None:
        row = [trace, span, parent, kind, begun, time.time_ns(), OK if is_fine else ERROR, peer]
        self._spans.write(json.dumps(row) + "\n")


def _burn(seconds: float) -> None:
    """So much CPU time of this process, however long that takes by the clock."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


async def asked(port: int, body: dict[str, Any]) -> bool:
    """Ask a service once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(json.dumps(body).encode() + b"\n")
        return bool(json.loads(await reader.readline())["ok"])
    finally:
        writer.close()


async def main() -> None:
    service = Service(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    server = await asyncio.start_server(service.answer, "127.0.0.1", service.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
