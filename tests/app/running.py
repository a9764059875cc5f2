"""A real server as a user starts it: the command, in a process of its own, on a port that the machine chooses."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest
from tests.store.fixtures import stores_in

from wellkept.cli.main import main
from wellkept.sdk.client import Client

T = TypeVar("T")
PATIENCE_S, LONGEST_PAUSE_S = 120.0, 0.25
QUIET = {
    "WELLKEPT_AGENT__ENABLED": "false",
    "WELLKEPT_INGEST__GRPC__ENABLED": "false",
    "WELLKEPT_ML__SERVE": "false",
    "WELLKEPT_ML__SERVE_PORT": "0",
}
"""No process beside the server and no port that another test could want, unless a test says so."""


def until(look: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """The first truthy answer of ``look``; a failure that names ``what`` when there is none in time.

    It looks ever more rarely, so that whoever is looked at has the processor.
    """
    deadline, pause_s = time.monotonic() + patience_s, 0.01
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {patience_s:g} s: {what}"
        time.sleep(pause_s)
        pause_s = min(1.3 * pause_s, LONGEST_PAUSE_S)


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without a word of ours but ``changes``."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("WELLKEPT_")}
    return {**own, **QUIET, **changes}


def wellkept(
    *arguments: str, given: str | None = None, cwd: Path | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "wellkept", *arguments],
        env=environment(**changes),
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def refused(monkeypatch: pytest.MonkeyPatch, *arguments: str, **changes: str) -> tuple[int, str]:
    """Run a command that is to fail, in this process, which has loaded what another would have to; its code and words.

    For a start that is refused before anything of a platform is made, or while it is, which lets go of its engines.
    """
    said = io.StringIO()
    with monkeypatch.context() as patch, contextlib.redirect_stderr(said):
        for name in [name for name in os.environ if name.startswith("WELLKEPT_")]:
            patch.delenv(name)
        for name, value in {**QUIET, **changes}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["wellkept", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


@dataclass
class Running:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    data: Path
    address: str
    token: str
    ready: str
    said: Path

    @functools.cached_property
    def client(self) -> Client:
        return Client(self.address, self.token)

    def http(self, **headers: str) -> httpx.Client:
        """A program that has the token."""
        return httpx.Client(
            base_url=self.address, headers={"Authorization": f"Bearer {self.token}", **headers}, timeout=30
        )

    def stranger(self) -> httpx.Client:
        """A program that has not."""
        return httpx.Client(base_url=self.address, timeout=30)

    def ask(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command against this server."""
        return wellkept(*arguments, given=given, WELLKEPT_URL=self.address, WELLKEPT_TOKEN=self.token)

    def json(self, *arguments: str) -> Any:
        """The document that a command prints, which must succeed."""
        done = self.ask(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def errors(self) -> str:
        """What it has written on stderr."""
        return self.said.read_text("utf-8")

    def family(self) -> list[psutil.Process]:
        """The processes that it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(PATIENCE_S)
        self.client.close()
        return code


def start(data: Path, arguments: Sequence[str] = (), **changes: str) -> Running:
    """Start a server on a data folder and wait until it says that it is ready. It finds empty stores in a new one."""
    data.mkdir(parents=True, exist_ok=True)
    stores_in(data)
    out, said = data / "stdout.txt", data / "stderr.txt"
    with out.open("wb") as output, said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "wellkept", "up", "--json", "--data", str(data), "--port", "0", *arguments],
            env=environment(**changes),
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )

    def ready() -> str:
        assert process.poll() is None, said.read_text("utf-8")
        return out.read_text("utf-8") if out.read_text("utf-8").endswith("\n") else ""

    try:
        line = until(ready, "the server is ready")
    except AssertionError:
        process.kill()
        process.wait()
        raise
    words: Mapping[str, Any] = json.loads(line)
    return Running(process, data, words["address"], words["token"], line, said)


@contextlib.contextmanager
def running(data: Path, arguments: Sequence[str] = (), **changes: str) -> Iterator[Running]:
    """A server for the length of a block; what it leaves behind is ended with it."""
    server = start(data, arguments, **changes)
    try:
        yield server
    finally:
        family = server.family() if server.process.poll() is None else []
        server.stop()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
