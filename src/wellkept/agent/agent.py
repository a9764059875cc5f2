"""The agent: three threads (metrics, log files, actions) that share a stop signal and nothing else."""

from __future__ import annotations

import logging
import platform
import socket
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from wellkept import __version__
from wellkept.agent.actions.base import Action
from wellkept.agent.actions.delete_old_logs import delete_old_logs
from wellkept.agent.actions.restart_service import restart_service
from wellkept.agent.actions.run_command import run_command
from wellkept.agent.configuration import AgentConfiguration
from wellkept.agent.journal import Journal
from wellkept.agent.metrics import HostMetrics
from wellkept.agent.tail import Line, Tail, severity_of
from wellkept.kernel.errors import ActionError, InputError, WellkeptError
from wellkept.sdk.client import Client
from wellkept.sdk.host import own_host_id
from wellkept.sdk.otlp import LogLine, MetricsBatch, Sender, logs_request

log = logging.getLogger(__name__)

ACTIONS: dict[str, Action] = {
    "delete_old_logs": delete_old_logs,
    "restart_service": restart_service,
    "run_command": run_command,
}

KEPT_BATCHES = 60
"""Batches of metrics kept while the server is away; the oldest goes first, and is counted."""
POLL_S = 20
HELLO_EVERY_S = 60.0


class Agent:
    """Watches one host until it is stopped."""

    def __init__(self, configuration: AgentConfiguration, url: str, token: str) -> None:
        self._configuration, self._url, self._token = configuration, url, token
        self._host = own_host_id()
        self.id = configuration.id or self._host
        self._resource = {
            "host.id": self._host,
            "host.name": socket.gethostname(),
            "os.type": platform.system().lower(),
            **configuration.attributes,
        }
        state = Path(configuration.state)
        self._journal = Journal(state / "journal.sqlite")
        self._tail = Tail(configuration.logs, state / "positions.json")
        self._stop = threading.Event()
        self.dropped_batches = 0

    def run(self, *, once: bool = False) -> None:
        """Work until :meth:`stop`; with ``once``, send one batch of everything and return."""
        self._hello()
        if once:
            self._send_metrics_once()
            self._send_logs()
            return
        threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("metrics", self._metrics), ("logs", self._logs), ("actions", self._actions))
        ]
        for thread in threads:
            thread.start()
        self._stop.wait()
        for thread in threads[:2]:
            thread.join(1.0)
        self._journal.close()

    def stop(self) -> None:
        self._stop.set()

    def _metrics(self) -> None:
        source, sender = HostMetrics(self._configuration, self._resource), self._sender()
        waiting: deque[MetricsBatch] = deque()
        due = time.monotonic()
        while not self._stop.is_set():
            waiting.append(source.collect(time.time_ns()))
            if len(waiting) > KEPT_BATCHES:
                waiting.popleft()
                self.dropped_batches += 1
            due = max(due + self._configuration.interval_s, time.monotonic())
            while waiting and self._deliver(sender, waiting[0], max(0.5, due - time.monotonic())):
                waiting.popleft()
            self._stop.wait(max(0.0, due - time.monotonic()))
        sender.close()

    def _deliver(self, sender: Sender, batch: MetricsBatch, patience_s: float) -> bool:
        refused = sender.refused
        is_sent = sender.send("/v1/metrics", batch.request, give_up_after_s=patience_s)
        return is_sent or sender.refused > refused

    def _send_metrics_once(self) -> None:
        batch = HostMetrics(self._configuration, self._resource).collect(time.time_ns())
        self._sender().send("/v1/metrics", batch.request, give_up_after_s=10.0)

    def _logs(self) -> None:
        while not self._stop.is_set():
            if not self._send_logs():
                self._stop.wait(min(1.0, self._configuration.interval_s))

    def _send_logs(self) -> bool:
        """Send one batch of lines; whether there was one."""
        lines = self._tail.read()
        if not lines:
            self._tail.commit()
            return False
        sender = self._sender()
        request = logs_request("wellkept.agent", self._by_resource(lines))
        refused = sender.refused
        if sender.send("/v1/logs", request) or sender.refused > refused:
            self._tail.commit()
        else:
            self._tail.give_back()
        sender.close()
        return True

    def _by_resource(self, lines: list[Line]) -> dict[tuple[tuple[str, Any], ...], list[LogLine]]:
        now = time.time_ns()
        grouped: dict[tuple[tuple[str, Any], ...], list[LogLine]] = {}
        for line in lines:
            service = {"service.name": line.source.service} if line.source.service else {}
            if line.source.namespace:
                service["service.namespace"] = line.source.namespace
            resource = tuple(sorted({**self._resource, **service}.items()))
            attributes = {"log.file.path": line.path, "log.file.name": Path(line.path).name}
            grouped.setdefault(resource, []).append(LogLine(now, line.text, severity_of(line.text), attributes))
        return grouped

    def _actions(self) -> None:
        client = Client(self._url, self._token, timeout_s=POLL_S + 10)
        said_hello = time.monotonic()
        while not self._stop.is_set():
            try:
                if time.monotonic() - said_hello > HELLO_EVERY_S:
                    self._hello()
                    said_hello = time.monotonic()
                for action in client.get(f"/api/v1/agents/{self.id}/actions", wait=POLL_S)["actions"]:
                    self._report(client, action["key"], self._perform(action))
            except WellkeptError as error:
                log.info("actions: %s", error)
                said_hello = 0.0  # a server that was away may have forgotten this agent
                self._stop.wait(1.0)

    def _perform(self, action: dict[str, Any]) -> dict[str, Any]:
        """Do what was asked, once: a key that was begun before is answered from the journal."""
        known = self._journal.begin(action["key"])
        if known is not None:
            return known
        try:
            if action["name"] not in ACTIONS:
                raise InputError("action", f"must be one of {', '.join(sorted(ACTIONS))}", action["name"])
            result = ACTIONS[action["name"]](self._configuration, action.get("arguments") or {})
        except (InputError, ActionError) as error:
            result = {"ok": False, "changed": False, "sentence": str(error), "details": {}}
        except OSError as error:
            result = {"ok": False, "changed": True, "sentence": f"{action['name']}: {error}", "details": {}}
        self._journal.finish(action["key"], result)
        return result

    def _report(self, client: Client, key: str, result: dict[str, Any]) -> None:
        client.post(f"/api/v1/agents/{self.id}/results", {"results": [{"key": key, **result}]})

    def _hello(self) -> None:
        configuration = self._configuration
        hello = {
            "host_id": self._host,
            "host_name": self._resource["host.name"],
            "version": __version__,
            "services": [
                {"name": service.name, "namespace": service.namespace, "restartable": bool(service.restart)}
                for service in configuration.services
            ],
            "directories": [
                {"path": d.path, "patterns": list(d.patterns), "min_age_s": d.min_age_s}
                for d in configuration.directories
            ],
            "commands": sorted(configuration.commands),
        }
        while not self._stop.is_set():
            try:
                Client(self._url, self._token).post(f"/api/v1/agents/{self.id}/hello", hello)
            except WellkeptError as error:
                log.info("hello: %s", error)
                self._stop.wait(1.0)
            else:
                return

    def _sender(self) -> Sender:
        return Sender(self._url, self._token, self._stop)
