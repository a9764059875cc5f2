"""The keeper of the demo's processes: starts them, replaces them, and ends them all, however the demo ends.

It is to the demo what a service manager is to a host. Its standard input is a pipe that the demo holds: when the demo
is gone, the pipe closes, and the keeper ends everything. Should the keeper itself be killed, the kernel ends what it
started. It has a session of its own, so a Ctrl-C in the terminal reaches the demo alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellkept.demo.shop.settings import SERVICES, ShopSettings
from wellkept.kernel.errors import WellkeptError

SERVER = "server"
LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
READY_S = 60.0
END_S = 8.0
ASK_S = 90.0


class Keeper:
    """Processes by name. Called from one event loop, on the main thread."""

    def __init__(self, settings: ShopSettings) -> None:
        self._settings, self._folder = settings, Path(settings.folder)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Listen for orders until the demo is gone or says so; then end everything."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._over.set)
        loop.add_reader(sys.stdin.fileno(), self._listen_to_owner)
        listener = await asyncio.start_server(self._take, LOOPBACK, self._settings.ports["keeper"])
        await self._over.wait()
        listener.close()
        await self._end_all()

    def _listen_to_owner(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._over.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One order and its answer, a JSON line each."""
        answer: dict[str, Any]
        try:
            order = json.loads(await reader.readline())
            if order.get("token") != self._settings.token:
                answer = {"error": "the token is wrong"}
            else:
                answer = await self._obey(str(order["verb"]), str(order["name"]))
        except (ValueError, KeyError, OSError, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, verb: str, name: str) -> dict[str, Any]:
        if verb == "start":
            await self._start(name)
        elif verb == "restart":
            await self._restart(name)
        elif verb == "stop":
            await self._end(name)
        elif verb == "status":
            codes = {known: process.returncode for known, process in self._running.items()}
            return {"ended": {known: code for known, code in codes.items() if code is not None}}
        return {"done": verb}

    async def _start(self, name: str) -> None:
        self._running[name] = await self._spawn(name)
        if name in (*SERVICES, "load"):
            await self._wait_ready(name, self._running[name])

    async def _restart(self, name: str) -> None:
        """The successor listens before the predecessor ends, so nobody is turned away."""
        before = self._running.get(name)
        self._running[name] = await self._spawn(name)
        await self._wait_ready(name, self._running[name])
        if before is not None:
            await _ended(before)

    async def _spawn(self, name: str) -> asyncio.subprocess.Process:
        if name == SERVER:
            arguments = ["-m", "wellkept", "up", "--config", str(self._folder / "wellkept.yaml"), "--json"]
        else:
            arguments = ["-m", "wellkept.demo.shop", "run", name, str(self._folder)]
        output = self._folder / "logs" / f"{name}.log"
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment(os.environ),
                preexec_fn=_end_with(os.getpid(), signal.SIGTERM if name == SERVER else signal.SIGKILL),
            )

    async def _wait_ready(self, name: str, process: asyncio.subprocess.Process) -> None:
        """A service is ready when its pid file names it."""
        file, deadline = self._settings.pid_file(name), time.monotonic() + READY_S
        while not (file.is_file() and file.read_text(encoding="ascii") == str(process.pid)):
            if process.returncode is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not start; see {self._folder / 'logs' / name}.log")
            await asyncio.sleep(0.02)

    async def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is not None:
            await _ended(process)

    async def _end_all(self) -> None:
        """The load before the shop; the server last, so that the last telemetry finds it."""
        for names in (("neighbour", "load"), SERVICES, (SERVER,)):
            await asyncio.gather(*(self._end(name) for name in names))


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of what is kept: settings for other servers and collectors, and proxies, are not for the demo."""
    foreign = ("WELLKEPT_", "OTEL_")
    kept = {name: value for name, value in given.items() if not name.startswith(foreign)}
    return {**kept, "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end; a stopped one must go on first to hear it. After a while, end it."""
    for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        if number is not signal.SIGTERM:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_S)


def _end_with(parent: int, number: int) -> Any:
    """Have the kernel end the process when its parent ends (Linux; elsewhere the pipe must do)."""

    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def ask(settings: ShopSettings, verb: str, name: str) -> dict[str, Any]:
    """Give the keeper an order, and wait until it is done.

    Raises:
        WellkeptError: it is not there, or could not do it.
    """
    order = {"token": settings.token, "verb": verb, "name": name}
    try:
        with socket.create_connection((LOOPBACK, settings.ports["keeper"]), ASK_S) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
    except (OSError, ValueError) as error:
        raise WellkeptError(f"the demo's keeper does not answer ({error})") from error
    if "error" in answer:
        raise WellkeptError(f"the demo's keeper could not {verb} {name}: {answer['error']}")
    return answer


def main() -> None:
    """Keep the processes of a demo's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    asyncio.run(Keeper(ShopSettings.read(parser.parse_args().folder)).run())


if __name__ == "__main__":
    main()
