"""Alerts a second through the doors with full grouping, and how soon an alert is an incident.

    python -m bench.incidents [--json] [--alerts 60000] [--peers FOLDER] [--only sustained|latency|storm|peer]

A platform runs as it does for a user. Alerts come by three doors (Alertmanager's webhook, its API v2, PagerDuty's
events) from a process of its own, made beforehand (``bench/alert_storm.py``).

- sustained: as fast as they are answered, until everything is grouped. Beside it: answers a second of a door that does
  nothing (``/alertmanager/-/healthy``), the limit of the machine in the same run.
- latency: 200 alerts a second; ten times a second one is about a service of its own, and its incident is waited for in
  the list of incidents as a reader sees it.
- storm: 100,000 alerts in a minute; meanwhile an alert about an unrelated service every 3 s.

CPU seconds are of the server; what it takes an alert says more than a rate on a machine that is busy with other things.
Keep, the peer, is not measured: see ``KEEP``. ``--peers`` sends with the folder's own sender, one alert a request.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from bench.alert_sender import FRAME
from bench.alert_storm import Alert, Request, Storm, notification, requests
from bench.servers import Server, wellkept

WANTED_PER_S, HELD_PER_S, PROBES_PER_S = 2_000, 200, 10
STORM_ALERTS, STORM_S, UNRELATED_EVERY_S = 100_000, 60, 3
PATIENCE_S, LOOK_S, IDLE_REQUESTS = 240.0, 0.1, 4_000
KEEP = (
    "published for 16 vCPUs: 1,000 a minute, about 1.5 s each (docs of Keep 0.54.2); the one release on PyPI is of 2023"
)


class Running:
    """A server with its sender."""

    def __init__(self, server: Server) -> None:
        self.server, self.token = server, server.headers["Authorization"].removeprefix("Bearer ")

    def send(self, plan: bytes, *, closed: bool = False) -> dict[str, Any]:
        """What became of a plan (see ``bench/alert_sender.py``)."""
        command = [sys.executable, "-m", "bench.alert_sender", self.server.address, self.token]
        command += ["--patience", str(PATIENCE_S), *(["--closed"] if closed else [])]
        answer = subprocess.run(command, input=plan, capture_output=True, check=False)
        if answer.returncode:
            raise SystemExit(f"the sender failed: {answer.stderr.decode()[-500:]}")
        said: dict[str, Any] = json.loads(answer.stdout)
        return said

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = self.server.ask("/api/v1/status")
        return said

    def grouped(self) -> float:
        """Wait until everything is grouped; how long that took."""
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE_S:
            correlation = self.status()["correlation"]
            if not correlation["backlog"] and not correlation["unread"]:
                break
            time.sleep(LOOK_S)
        return time.monotonic() - began

    def idle_per_s(self) -> float:
        """Answers a second of a door that does nothing."""
        frame = b"/alertmanager/-/healthy\n"
        said = self.send((FRAME.pack(0.0, 0, len(frame)) + frame) * IDLE_REQUESTS, closed=True)
        return float(sum(said["statuses"].values()) / said["seconds"])


class Watcher:
    """Looks at the list of incidents again and again, and notes when one about a service is first there."""

    def __init__(self, server: Server) -> None:
        self._server, self._stopped = server, threading.Event()
        self.seen: dict[str, float] = {}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_S):
            for incident in self._server.ask("/api/v1/incidents?live=true&limit=15")["incidents"]:
                for member in incident["members"][:3]:
                    self.seen.setdefault(member["entity"], time.time())


def plan_of(made: Sequence[Request], per_s: float | None = None) -> bytes:
    """The plan of requests: each at the moment that its alerts are due at a rate."""
    parts, said = [], 0
    for request in made:
        data = request.path.encode() + b"\n" + request.body
        parts.append(FRAME.pack(said / per_s if per_s else 0.0, request.alerts, len(data)) + data)
        said += request.alerts
    return b"".join(parts)


def probes(count: int, every_s: float, name: str) -> tuple[bytes, dict[str, float]]:
    """Alerts about services that nobody else speaks of, and when each is due (seconds after the start)."""
    parts, due = [], {}
    for number in range(count):
        service = f"{name}-{number}"
        # It begins in the future, which the door takes as now: so it is at the head of the list when it is an incident.
        begins = datetime.now(UTC) + timedelta(hours=1)
        alert = Alert("Unrelated", "critical", service, f"{service}-0", begins, None)
        request = notification([alert])
        data = request.path.encode() + b"\n" + request.body
        due[service] = number * every_s
        parts.append(FRAME.pack(due[service], 1, len(data)) + data)
    return b"".join(parts), due


def sustained(count: int) -> dict[str, Any]:
    """As fast as they are answered, and grouped at the end."""
    with wellkept(ops=True) as server:
        running = Running(server)
        idle = running.idle_per_s()
        made = requests(Storm(1, datetime.now(UTC)).alerts(), count, running.token)
        plan, began = plan_of(made), server.cpu_s()
        said = running.send(plan, closed=True)
        waited = running.grouped()
        cpu_s, seconds = server.cpu_s() - began, said["seconds"] + waited
        status = running.status()
        return {
            "alerts": said["alerts"],
            "requests": len(made),
            "alerts_per_s": round(said["alerts"] / seconds),
            "cpu_ms_an_alert": round(1000 * cpu_s / max(1, said["alerts"]), 3),
            "cores": round(cpu_s / seconds, 2),
            "statuses": said["statuses"],
            "p99_ms_a_request": _quantile_ms(said["latencies_s"], 0.99),
            "rss_mib": server.resident_mib(),
            "idle_answers_per_s": round(idle),
            "doors": status["doors"]["alerts"],
            "correlation": status["correlation"],
        }


def latency(seconds: float) -> dict[str, Any]:
    """How soon an alert is an incident while 200 a second come in."""
    with wellkept(ops=True) as server:
        running = Running(server)
        made = requests(Storm(2, datetime.now(UTC)).alerts(), int(HELD_PER_S * seconds), running.token)
        special, due = probes(int(PROBES_PER_S * seconds), 1 / PROBES_PER_S, "probe")
        return _probed(running, plan_of(made, HELD_PER_S), special, due)


def storm(count: int, seconds: float) -> dict[str, Any]:
    """A storm, and how soon what has nothing to do with it is an incident."""
    with wellkept(ops=True) as server:
        running = Running(server)
        made = requests(Storm(3, datetime.now(UTC), pods=2_000).alerts(), count, running.token)
        special, due = probes(int(seconds / UNRELATED_EVERY_S), UNRELATED_EVERY_S, "unrelated")
        began = time.monotonic()
        found = _probed(running, plan_of(made, count / seconds), special, due)
        running.grouped()
        status = running.status()
        return {
            **found,
            "grouped_after_s": round(time.monotonic() - began, 1),
            "rss_mib": server.resident_mib(),
            "doors": status["doors"]["alerts"],
            "correlation": status["correlation"],
        }


def peer(folder: Path) -> dict[str, Any]:
    """One alert a request over four connections, sent by the peers' own sender."""
    with wellkept(ops=True) as server:
        running = Running(server)
        command = [sys.executable, "alerts/run.py", "--url", f"{server.address}/alertmanager/webhook", "--name", "ours"]
        command += ["--format", "alertmanager", "--pid", str(server.process.pid)]
        command += ["--header", f"Authorization:Bearer {running.token}"]
        environment = {**os.environ, "PEERS_QUIET_WAIT": os.environ.get("PEERS_QUIET_WAIT", "0")}
        answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
        said: dict[str, Any] = json.loads(lines[-1]) if lines else {"error": answer.stderr[-300:]}
        return said


def _probed(running: Running, plan: bytes, special: bytes, due: dict[str, float]) -> dict[str, Any]:
    """Send a plan, and how long after it was due each of the probes was an incident.

    Probes have a sender of their own: who has nothing to do with a storm does not wait in its sender's queue.
    """
    watcher, cpu_s = Watcher(running.server), running.server.cpu_s()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(running.send, special)
        said = running.send(plan)
        start = other.result()["began_at"]
    stop = time.monotonic() + PATIENCE_S
    names = {f"service:{name}": at for name, at in due.items()}
    while not names.keys() <= watcher.seen.keys() and time.monotonic() < stop:
        time.sleep(LOOK_S)
    watcher.stop()
    waits = [watcher.seen[name] - (start + at) for name, at in names.items() if name in watcher.seen]
    return {
        "alerts": said["alerts"],
        "seconds": round(said["seconds"], 1),
        "statuses": said["statuses"],
        "probes": len(names),
        "probes_missing": len(names) - len(waits),
        "to_incident_p50_ms": _quantile_ms(waits, 0.5),
        "to_incident_p99_ms": _quantile_ms(waits, 0.99),
        "to_incident_max_ms": _quantile_ms(waits, 1.0),
        "p99_ms_a_request": _quantile_ms(said["latencies_s"], 0.99),
        "cpu_ms_an_alert": round(1000 * (running.server.cpu_s() - cpu_s) / max(1, said["alerts"]), 3),
    }


def _quantile_ms(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)) * 1000, 1) if values else None


CASES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "sustained": lambda options: sustained(options.alerts),
    "latency": lambda options: latency(options.seconds),
    "storm": lambda options: storm(options.storm, options.storm_seconds),
    "peer": lambda options: peer(options.peers) if options.peers is not None else {},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=60_000, help="alerts of the sustained load")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long 200 alerts a second are held")
    parser.add_argument("--storm", type=int, default=STORM_ALERTS, help="alerts of the storm")
    parser.add_argument("--storm-seconds", type=float, default=STORM_S, help="seconds in which the storm is due")
    parser.add_argument("--peers", type=Path, help="a folder that holds alerts/run.py")
    parser.add_argument("--only", choices=list(CASES), help="only this case")
    parser.add_argument("--json", action="store_true", help="one JSON object, and nothing else")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name in [options.only] if options.only else CASES:
        found[name] = CASES[name](options)
        if not options.json:
            print(f"{name}: {json.dumps(found[name])}", file=sys.stderr, flush=True)
    rate = found.get("sustained", {}).get("alerts_per_s", 0)
    print(json.dumps({**found, "times_wanted_per_s": round(rate / WANTED_PER_S, 2), "keep": KEEP}))


if __name__ == "__main__":
    main()
