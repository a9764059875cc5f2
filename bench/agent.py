"""What the host agent costs: memory after its start, and CPU seconds a minute.

    make bench NAME=agent [ARGS="--seconds 60 --interval 10 --logs 20"]

A stand-in server in this process takes everything and never has an action. The agent follows log files that nobody
writes to, and is compared with an interpreter that has only read the same host metrics once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

WARM_UP_S = 5.0


class StandIn(BaseHTTPRequestHandler):
    """Acknowledges everything; polls for actions wait as long as they would."""

    protocol_version = "HTTP/1.1"
    ending = threading.Event()
    requests = 0

    def do_GET(self) -> None:
        self.ending.wait(20)
        self._answer(b'{"actions": []}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        type(self).requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    """An agent that ends breaks off its poll, which is nothing to report."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--interval", type=float, default=10)
    parser.add_argument("--logs", type=int, default=20)
    options = parser.parse_args()
    server = Quiet(("127.0.0.1", 0), StandIn)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(options.logs):
            (folder / f"{number}.log").write_text("a line\n" * 1000, encoding="utf-8")
        (folder / "token").write_text("secret", encoding="ascii")
        (folder / "agent.yaml").write_text(
            f"interval_s: {options.interval}\nlogs: [{{path: {folder}/*.log}}]\n", encoding="utf-8"
        )
        url = f"http://127.0.0.1:{server.server_address[1]}"
        command = [sys.executable, "-m", "wellkept", "agent", "--config", str(folder / "agent.yaml"), "--url", url]
        command += ["--token-file", str(folder / "token"), "--state", str(folder / "state")]
        agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            measure(psutil.Process(agent.pid), options.seconds)
        finally:
            agent.terminate()
            StandIn.ending.set()
            agent.wait(30)
    server.shutdown()
    server.server_close()


def measure(process: psutil.Process, seconds: float) -> None:
    """Print what a process holds and uses."""
    time.sleep(WARM_UP_S)
    started, before, requests = process.memory_info().rss, process.cpu_times(), StandIn.requests
    time.sleep(seconds)
    after, ended = process.cpu_times(), process.memory_info().rss
    used = after.user + after.system - before.user - before.system
    bare = bare_rss()
    sys.stdout.write(
        f"processes on this host   {len(psutil.pids())}\n"
        f"resident after start     {started / 1e6:.1f} MB ({started / bare:.2f} times an interpreter with psutil)\n"
        f"resident after {seconds:.0f} s      {ended / 1e6:.1f} MB\n"
        f"CPU to start             {before.user + before.system:.2f} s\n"
        f"CPU                      {used * 60 / seconds:.3f} s a minute ({used / seconds:.2%} of one core)\n"
        f"requests                 {(StandIn.requests - requests) * 60 / seconds:.0f} a minute\n"
    )


def bare_rss() -> int:
    """What an interpreter holds that can read a process list and nothing else."""
    code = "import psutil; list(psutil.process_iter(['memory_info'])); print(psutil.Process().memory_info().rss)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


if __name__ == "__main__":
    main()
