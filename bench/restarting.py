"""A server as a user starts it, on a folder and on ports that it has again after every start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from bench.ledger import Place

PATIENCE_S = 120.0


class Server:
    """``wellkept up``, with everything but the host agent and a model server. ``changes``: of its environment."""

    def __init__(self, data: Path, **changes: str) -> None:
        self.data, self._said = data, data.parent / "said.txt"
        self._port, grpc_port = _free_ports(2)
        own = {name: value for name, value in os.environ.items() if not name.startswith("WELLKEPT_")}
        fixed = {"WELLKEPT_INGEST__GRPC__PORT": str(grpc_port), "WELLKEPT_ML__SERVE": "false"}
        self._environment = {**own, **fixed, **changes}
        self._process: subprocess.Popen[str] | None = None
        self.place = Place("", "", "")

    def start(self) -> float:
        """Start it, and return when it says that it is ready: how many seconds that took."""
        command = [sys.executable, "-m", "wellkept", "up", "--json", "--no-agent"]
        command += ["--port", str(self._port), "--data", str(self.data)]
        begun = time.monotonic()
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=said, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the server did not start: {self._said.read_text('utf-8')}")
        words = json.loads(line)
        self.place = Place(words["address"], words["grpc"], words["token"])
        return time.monotonic() - begun

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it by its id, without a warning unless another signal is named; nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.communicate()

    def ask(self, path: str, **parameters: str) -> Any:
        """The JSON answer of a path."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(f"{self.place.http}{path}{query}")
        request.add_header("Authorization", f"Bearer {self.place.token}")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def total(self, query: str) -> int:
        """What the rows of a PromQL query come to at this moment."""
        rows = self.ask("/prometheus/api/v1/query", query=query)["data"]["result"]
        return sum(int(float(row["value"][1])) for row in rows)

    def cpu_s(self) -> float:
        """CPU seconds since its start."""
        assert self._process is not None
        return float(sum(psutil.Process(self._process.pid).cpu_times()[:2]))

    def resident_mib(self) -> int:
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss) >> 20

    def complaints(self) -> list[str]:
        """What it has written on stderr."""
        return self._said.read_text("utf-8").splitlines()


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in listeners]
    for one in listeners:
        one.close()
    return ports
