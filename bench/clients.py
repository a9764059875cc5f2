"""Real senders against a real server: how much each sent, how much is stored, how much was lost.

    python bench/clients.py [--logger logger] [--prometheus PATH] [--alertmanager COMMAND] [--amtool PATH]
                            [--node-exporter prometheus-node-exporter] [--python PATH] [--lines 2000] [--alerts 40]

Programs that are installed need not be named, and those that are not there are left out. OpenTelemetry's SDK always
runs. Prometheus tells of its alerts, and, where there is a node-exporter, writes on what it scrapes.
``--alertmanager`` is a command line: the configuration's options are put behind it. ``--python`` is an interpreter that
has cloudevents, python-logging-loki and requests.
Prints one line for each sender, and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 60.0
LOKI = """
import logging, logging_loki, sys
url, token, count = sys.argv[1:]
handler = logging_loki.LokiHandler(url=url + "/loki/api/v1/push", tags={"application": "bench-loki"},
                                   auth=("anybody", token), version="1")
handler.handleError = lambda record: sys.exit("refused")
log = logging.getLogger("bench"); log.addHandler(handler); log.setLevel("INFO")
for n in range(int(count)):
    log.warning("line %d of the Loki handler", n)
"""
EVENTS = """
import sys, requests
from cloudevents.v1.http import CloudEvent, to_binary, to_structured
url, token, count = sys.argv[1:]
with requests.Session() as session:
    session.headers["Authorization"] = f"Bearer {token}"
    for n in range(int(count)):
        about = {"type": "com.example.said", "source": "/bench", "subject": "said"}
        event = CloudEvent(about, {"n": n, "service": "bench-events"})
        headers, body = (to_binary, to_structured)[n % 2](event)
        for _ in range(2):
            session.post(url + "/cloudevents", headers=headers, data=body).raise_for_status()
"""


@dataclass(frozen=True)
class Told:
    """What came of one sender."""

    sender: str
    sent: int
    stored: int
    note: str = ""

    @property
    def lost(self) -> int:
        return self.sent - self.stored

    def __str__(self) -> str:
        return f"{self.sender:44s} sent {self.sent:6d}  stored {self.stored:6d}  lost {self.lost:4d}  {self.note}"


class Server:
    """A server with its syslog ports open, as a user starts it; it scrapes what is in a file of targets."""

    def __init__(self, folder: Path) -> None:
        self.targets = folder / "targets.json"
        self.targets.write_text("[]", encoding="utf-8")
        job = {"job": "bench-node", "every_s": 1, "files": [str(self.targets)]}
        changes = {"WELLKEPT_INGEST__SYSLOG__ENABLED": "true", "WELLKEPT_INGEST__SYSLOG__UDP_PORT": "0",
                   "WELLKEPT_INGEST__SYSLOG__TCP_PORT": "0", "WELLKEPT_INGEST__GRPC__PORT": "0",
                   "WELLKEPT_INGEST__SCRAPE": json.dumps([job]), "WELLKEPT_ML__ENABLED": "false"}  # fmt: skip
        own = {name: value for name, value in os.environ.items() if not name.startswith("WELLKEPT_")}
        command = [sys.executable, "-m", "wellkept", "up", "--json", "--no-agent", "--port", "0", "--data", str(folder)]
        self.process = subprocess.Popen(command, env={**own, **changes}, cwd=folder, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.address, self.grpc, self.token = ready["address"], ready["grpc"], ready["token"]
        self._http = httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)
        self.started = datetime.now(UTC) - timedelta(minutes=5)
        doors = self.get("/api/v1/status")["doors"]["syslog"]
        self.udp, self.tcp = str(doors["udp_port"]), str(doors["tcp_port"])

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self._http.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()

    def stored(self, what: str) -> dict[str, int]:
        """How much is stored, by entity."""
        found: dict[str, int] = self.get("/api/v1/stored", since=self.started.isoformat())["stored"][what]
        return found

    def logs(self) -> int:
        """How many log records are stored."""
        return sum(self.stored("logs").values())

    def value(self, question: str) -> int:
        """The one number that answers a question in PromQL; 0 where there is none."""
        found = self.get("/prometheus/api/v1/query", query=question)["data"]["result"]
        return int(float(found[0]["value"][1])) if found else 0

    def findings(self, detector: str, *, is_open: bool) -> int:
        found = self.get("/api/v1/findings", limit=1000)["findings"]
        return sum(f["detector"] == detector and (f["ends_at"] is None) is is_open for f in found)

    def close(self) -> None:
        self._http.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    programs = {"logger": "logger", "node-exporter": "prometheus-node-exporter", "prometheus": "prometheus",
                "alertmanager": "prometheus-alertmanager", "amtool": "amtool"}  # fmt: skip
    for name, program in programs.items():
        parser.add_argument(f"--{name}", default=shutil.which(program))
    parser.add_argument("--python")
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--alerts", type=int, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        server = Server(Path(folder) / "data")
        try:
            told = list(_each(server, chosen, Path(folder)))
        finally:
            server.close()
    result = {one.sender: {"sent": one.sent, "stored": one.stored, "lost": one.lost} for one in told}
    print(json.dumps({"senders": result, "lost": sum(one.lost for one in told)}))


def _each(server: Server, chosen: argparse.Namespace, folder: Path) -> Iterator[Told]:
    wanted = [by_opentelemetry(server, way, chosen.lines) for way in ("http", "grpc")]
    if chosen.logger:
        wanted.append(by_logger(server, chosen.logger, folder, chosen.lines))
    if chosen.node_exporter:
        wanted.append(by_node_exporter(server, chosen.node_exporter))
    if chosen.prometheus and chosen.node_exporter:
        wanted.append(by_prometheus_writing(server, chosen.prometheus, chosen.node_exporter, folder))
    if chosen.prometheus:
        wanted.append(by_prometheus(server, chosen.prometheus, folder, chosen.alerts))
    if chosen.alertmanager:
        wanted.append(by_alertmanager(server, chosen.alertmanager, folder, chosen.alerts))
    if chosen.amtool:
        wanted.append(by_amtool(server, chosen.amtool))
    if chosen.python:
        wanted.append(by_python(server, chosen.python, chosen.lines // 10))
    for sender in wanted:
        for one in sender:
            print(one, flush=True)
            yield one


def by_logger(server: Server, logger: str, folder: Path, lines: int) -> Iterator[Told]:
    """util-linux's logger, in every way in which it can send."""
    ways: dict[str, Sequence[str]] = {
        "logger --udp": ("--udp", "--port", server.udp),
        "logger --udp --rfc3164": ("--udp", "--rfc3164", "--port", server.udp),
        "logger --tcp": ("--tcp", "--port", server.tcp),
        "logger --tcp --octet-count": ("--tcp", "--octet-count", "--port", server.tcp),
        "logger --tcp --rfc3164": ("--tcp", "--rfc3164", "--port", server.tcp),
    }
    for name, way in ways.items():
        file = folder / "lines.txt"
        file.write_text("".join(f"{name} says line {n}\n" for n in range(lines)), encoding="utf-8")
        before = server.logs()
        subprocess.run([logger, "--server", "127.0.0.1", *way, "-t", "bench-syslog", "-f", str(file)], check=True)
        stored = _reached(lambda before=before: server.logs() - before, lines)  # type: ignore[misc]
        counts = server.get("/api/v1/status")["doors"]["syslog"]
        yield Told(name, lines, stored, f"dropped by the system {counts['dropped_by_system']}, lost {counts['lost']}")


def by_opentelemetry(server: Server, way: str, count: int) -> Iterator[Told]:
    """A program with OpenTelemetry's SDK, over HTTP and over gRPC."""
    address = server.grpc if way == "grpc" else server.address
    proof = {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{server.token}"}
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address, **proof}
    command = [sys.executable, str(Path(__file__).parent / "senders" / "otel_sdk.py"), way, str(count)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True)
    sent = json.loads(done.stdout)
    for question, wanted in sent["questions"].items():
        found = _reached(lambda question=question: server.value(question), wanted)  # type: ignore[misc]
        yield Told(f"OTel SDK, {way}: {question.split('bench_')[1].split('{')[0]}", wanted, found)
    entity = f"service:bench-otel-{way}"
    for name, kind in (("logs", "logs"), ("traces", "answers")):
        found = _reached(lambda kind=kind: server.stored(kind).get(entity, 0), sent[name])  # type: ignore[misc]
        yield Told(f"OTel SDK, {way}: {name}", sent[name], found)


def by_node_exporter(server: Server, exporter: str) -> Iterator[Told]:
    """Debian's node-exporter, which is scraped every second and killed."""
    script = str(Path(__file__).parent / "senders" / "node_exporter.py")
    command = [sys.executable, script, exporter, server.address, server.token, str(server.targets)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    note = f"a scrape took {found['duration_s'] * 1000:.0f} ms on average"
    yield Told("node-exporter: series of its page", found["series"], found["series_stored"], note)
    yield Told("node-exporter: values that keep still", found["steady"], found["steady_stored"])
    yield Told("node-exporter, killed: series that end", found["series"], found["series"] - found["left_after_the_end"])


def by_prometheus_writing(server: Server, prometheus: str, exporter: str, folder: Path) -> Iterator[Told]:
    """Prometheus, which scrapes and writes on: what it answers itself is compared with what is answered here."""
    script = str(Path(__file__).parent / "senders" / "prometheus.py")
    command = [sys.executable, script, prometheus, exporter, server.address, server.token, str(folder)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for name, found in told.items():
        yield Told(f"prometheus writing: {name}", found["there"], found["same"] - found["more"])


def by_prometheus(server: Server, prometheus: str, folder: Path, alerts: int) -> Iterator[Told]:
    """Prometheus, whose rules fire for a while and then do not."""
    begin = int(time.time()) + 15
    rules = [
        {
            "alert": f"Bench{n}",
            "expr": f"vector(time()) < {begin + 20} > {begin}",
            "labels": {"severity": "warning", "service": f"bench-{n}"},
            "annotations": {"summary": f"alert {n}"},
        }
        for n in range(alerts)
    ]
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "bench", "rules": rules}]}), encoding="utf-8")
    sender = {
        "path_prefix": "/alertmanager",
        "authorization": {"credentials": server.token},
        "static_configs": [{"targets": [server.address.removeprefix("http://")]}],
    }
    config = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": ["rules.json"],
        "alerting": {"alertmanagers": [sender]},
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
               f"--web.listen-address=127.0.0.1:{_free_port()}", "--log.level=error"]  # fmt: skip
    with _process(command):
        yield Told(
            "prometheus, firing", alerts, _reached(lambda: server.findings("alertmanager", is_open=True), alerts)
        )
        yield Told(
            "prometheus, resolved", alerts, _reached(lambda: server.findings("alertmanager", is_open=False), alerts)
        )


def by_alertmanager(server: Server, command: str, folder: Path, alerts: int) -> Iterator[Told]:
    """Alertmanager, which is told of alerts and tells our webhook, and our door for PagerDuty's events."""
    proof = {"authorization": {"credentials": server.token}}
    webhook = {"url": f"{server.address}/alertmanager/webhook", "http_config": proof}
    pager = {"url": f"{server.address}/v2/enqueue", "routing_key": server.token}
    receiver = {"name": "all", "webhook_configs": [webhook], "pagerduty_configs": [pager]}
    route = {"receiver": "all", "group_by": ["alertname", "n"], "group_wait": "1s", "group_interval": "1s"}
    (folder / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}), encoding="utf-8")
    port = _free_port()
    options = [f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am", "--cluster.listen-address=",
               f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]  # fmt: skip
    names = {"alertmanager": "webhook", "pagerduty": "pagerduty receiver"}
    before = {name: server.findings(name, is_open=False) for name in names}
    with _process([*shlex.split(command), *options]), httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        _until(lambda: _answers(http, "/-/ready"), "Alertmanager is ready")
        told = [{"labels": {"alertname": "Bench", "n": str(n), "service": f"bench-{n}"}} for n in range(alerts)]
        http.post("/api/v2/alerts", json=told).raise_for_status()
        for name, shown in names.items():
            stored = _reached(lambda name=name: server.findings(name, is_open=True), alerts)  # type: ignore[misc]
            yield Told(f"alertmanager's {shown}, firing", alerts, stored)
        over = datetime.now(UTC).isoformat()
        http.post("/api/v2/alerts", json=[{**alert, "endsAt": over} for alert in told]).raise_for_status()
        for name, shown in names.items():
            stored = _reached(lambda name=name: server.findings(name, is_open=False) - before[name], alerts)  # type: ignore[misc]
            yield Told(f"alertmanager's {shown}, resolved", alerts, stored)


def by_amtool(server: Server, amtool: str) -> Iterator[Told]:
    """amtool, which adds an alert, and asks for it; it knows a password alone."""
    url = f"--alertmanager.url=http://anybody:{server.token}@{server.address.removeprefix('http://')}/alertmanager"
    subprocess.run([amtool, "alert", "add", url, "alertname=BenchTool", "service=bench-tool"], check=True)
    asked = [amtool, "alert", "query", url, "-o", "json", "alertname=BenchTool"]
    found = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    yield Told("amtool alert add, alert query", 1, len(found))


def by_python(server: Server, python: str, lines: int) -> Iterator[Told]:
    """The libraries that Python programs use."""
    arguments = (server.address, server.token)
    before = server.logs()
    subprocess.run([python, "-c", LOKI, *arguments, str(lines)], check=True)
    yield Told("python-logging-loki", lines, _reached(lambda: server.logs() - before, lines))
    middle = server.logs()
    subprocess.run([python, "-c", EVENTS, *arguments, str(lines)], check=True)
    yield Told("cloudevents, each sent twice", lines, _reached(lambda: server.logs() - middle, lines))


@contextlib.contextmanager
def _process(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _reached(count: Callable[[], int], wanted: int) -> int:
    """The count when it is what is wanted, or when it has been waited for long enough."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := count()) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _until(look: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.1)


def _answers(http: httpx.Client, path: str) -> bool:
    try:
        return http.get(path).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
