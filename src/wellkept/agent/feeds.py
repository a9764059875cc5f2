"""What an agent sends: host metrics on time, and log lines as they come."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from wellkept.agent.metrics import HostMetrics
from wellkept.agent.tail import Line, Tail, severity_of
from wellkept.sdk.otlp import LogLine, MetricsBatch, Sender, Value, logs_request

log = logging.getLogger(__name__)

KEPT_BATCHES = 60
"""Batches of metrics kept while the server is away; the oldest goes first, and is counted."""
IDLE_S = 1.0
SCOPE = "wellkept.agent"

Resource = Mapping[str, str]


class MetricsFeed:
    """Collects host metrics every ``interval_s``, and sends them oldest first."""

    def __init__(self, source: HostMetrics, sender: Sender, interval_s: float) -> None:
        self._source, self._sender, self._interval_s = source, sender, interval_s
        self._waiting: deque[MetricsBatch] = deque()
        self._due = time.monotonic()
        self.dropped = 0

    def turn(self) -> float:
        """Collect once, and send until the next collection is due."""
        self.collect()
        self._due = max(self._due + self._interval_s, time.monotonic())
        self.send(max(0.5, self._due - time.monotonic()))
        return max(0.0, self._due - time.monotonic())

    def collect(self) -> None:
        """Put this moment behind what waits."""
        self._waiting.append(self._source.collect(time.time_ns()))
        if len(self._waiting) > KEPT_BATCHES:
            self._waiting.popleft()
            if not self.dropped:
                log.warning("the server has been away for long; the oldest metrics are dropped")
            self.dropped += 1

    def send(self, patience_s: float) -> bool:
        """Send what waits; False when it could not be sent within the time. What is refused is dropped."""
        deadline = time.monotonic() + patience_s
        while self._waiting:
            refused, left_s = self._sender.refused, deadline - time.monotonic()
            is_sent = self._sender.send("/v1/metrics", self._waiting[0].request, give_up_after_s=left_s)
            if not is_sent and self._sender.refused == refused:
                return False
            self._waiting.popleft()
        self.dropped = 0
        return True


class LogFeed:
    """Sends what the tail reads; a position moves when the server has the lines, or has refused them for good."""

    def __init__(self, tail: Tail, sender: Sender, resource: Resource) -> None:
        self._tail, self._sender, self._resource = tail, sender, dict(resource)

    def turn(self) -> float:
        """Send one batch of lines, however long it takes; at once again when there was one."""
        return 0.0 if self.send(None) else IDLE_S

    def send(self, patience_s: float | None) -> bool:
        """Send one batch of lines; False when there was none, or when it could not be sent within the time."""
        lines = self._tail.read()
        refused = self._sender.refused
        is_taken = True
        if lines:
            request = logs_request(SCOPE, self._by_resource(lines))
            is_sent = self._sender.send("/v1/logs", request, give_up_after_s=patience_s)
            is_taken = is_sent or self._sender.refused > refused
        if is_taken:
            self._tail.commit()
        else:
            self._tail.give_back()
        return bool(lines) and is_taken

    def _by_resource(self, lines: list[Line]) -> dict[tuple[tuple[str, Value], ...], list[LogLine]]:
        now = time.time_ns()
        grouped: dict[tuple[tuple[str, Value], ...], list[LogLine]] = {}
        for line in lines:
            service = {"service.name": line.source.service} if line.source.service else {}
            if line.source.namespace:
                service["service.namespace"] = line.source.namespace
            resource = tuple(sorted({**self._resource, **service}.items()))
            attributes = {"log.file.path": line.path, "log.file.name": Path(line.path).name}
            grouped.setdefault(resource, []).append(LogLine(now, line.text, severity_of(line.text), attributes))
        return grouped
