"""Build and send OTLP: small builders over the protobuf messages, and a sender that keeps to the retry rules."""

from __future__ import annotations

import gzip
import http.client
import logging
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ScopeMetrics

log = logging.getLogger(__name__)

RETRYABLE = frozenset({429, 502, 503, 504})
Value = str | bool | int | float
Attributes = Mapping[str, Value]


def key_values(attributes: Attributes) -> list[KeyValue]:
    """Attributes as OTLP key-value pairs."""
    pairs = []
    for key, value in attributes.items():
        pair = KeyValue(key=key)
        if isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        elif isinstance(value, float):
            pair.value.double_value = value
        else:
            pair.value.string_value = value
        pairs.append(pair)
    return pairs


class MetricsBatch:
    """Collects points of one moment, by resource, into one export request."""

    def __init__(self, scope: str, at_nanos: int) -> None:
        self.request = ExportMetricsServiceRequest()
        self._scope, self._at = scope, at_nanos
        self._resources: dict[tuple[tuple[str, Value], ...], ScopeMetrics] = {}
        self._metrics: dict[tuple[int, str], Metric] = {}

    def gauge(self, resource: Attributes, name: str, unit: str, value: float, attributes: Attributes) -> None:
        """Add a point of a gauge."""
        point = self._metric(resource, name, unit).gauge.data_points.add(time_unix_nano=self._at, as_double=value)
        point.attributes.extend(key_values(attributes))

    def counter(self, resource: Attributes, name: str, unit: str, value: float, attributes: Attributes) -> None:
        """Add a point of a monotonic, cumulative sum."""
        total = self._metric(resource, name, unit).sum
        total.is_monotonic = True
        total.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        point = total.data_points.add(time_unix_nano=self._at, as_double=value)
        point.attributes.extend(key_values(attributes))

    def _metric(self, resource: Attributes, name: str, unit: str) -> Metric:
        key = tuple(sorted(resource.items()))
        if key not in self._resources:
            block = self.request.resource_metrics.add()
            block.resource.attributes.extend(key_values(resource))
            scope = block.scope_metrics.add()
            scope.scope.name = self._scope
            self._resources[key] = scope
        scope = self._resources[key]
        found = self._metrics.get((id(scope), name))
        if found is None:
            found = scope.metrics.add(name=name, unit=unit)
            self._metrics[id(scope), name] = found
        return found


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record."""

    at_nanos: int
    body: str
    severity: str
    attributes: Attributes


SEVERITY_NUMBERS = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}


def logs_request(
    scope: str, resources: Mapping[tuple[tuple[str, Value], ...], list[LogLine]]
) -> ExportLogsServiceRequest:
    """An export request of log records by resource (its sorted attribute pairs)."""
    request = ExportLogsServiceRequest()
    for resource, lines in resources.items():
        block = request.resource_logs.add()
        block.resource.attributes.extend(key_values(dict(resource)))
        records = block.scope_logs.add()
        records.scope.name = scope
        for line in lines:
            record = records.log_records.add(time_unix_nano=line.at_nanos, observed_time_unix_nano=line.at_nanos)
            record.body.string_value = line.body
            record.severity_text = line.severity
            record.severity_number = SeverityNumber.ValueType(SEVERITY_NUMBERS.get(line.severity, 0))
            record.attributes.extend(key_values(line.attributes))
    return request


class Sender:
    """Sends OTLP over HTTP: gzip, one kept connection, retries as the specification says."""

    def __init__(self, url: str, token: str, stop: threading.Event, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._prefix = (
            parts.hostname or "127.0.0.1",
            parts.port,
            parts.path.rstrip("/"),
        )
        self._is_tls = parts.scheme == "https"
        self._token, self._stop, self._timeout_s = token, stop, timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self.refused = 0

    def send(self, path: str, message: Message, *, give_up_after_s: float | None = None) -> bool:
        """Send until it is acknowledged.

        Returns False when the server refused it for good (counted and logged), when ``give_up_after_s`` passed, or
        when the sender was stopped.
        """
        body = gzip.compress(message.SerializeToString(), compresslevel=1)
        deadline = None if give_up_after_s is None else time.monotonic() + give_up_after_s
        pause_s = 0.2
        while True:
            status, wait_s = self._try(path, body)
            if 200 <= status < 300:
                return True
            if status and status not in RETRYABLE:
                self.refused += 1
                log.warning("%s refused a batch with status %s; it is dropped", path, status)
                return False
            pause_s = min(max(pause_s * 2, wait_s), 15.0)
            if deadline is not None and time.monotonic() + pause_s > deadline:
                return False
            if self._stop.wait(pause_s * random.uniform(0.8, 1.2)):
                return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, path: str, body: bytes) -> tuple[int, float]:
        """One attempt: the status (0: no answer) and the seconds that the server asks to wait."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "Authorization": f"Bearer {self._token}",
        }
        try:
            if self._connection is None:
                kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
                self._connection = kind(self._host, self._port, timeout=self._timeout_s)
            self._connection.request("POST", f"{self._prefix}{path}", body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, 0.0
        wait = answer.headers.get("Retry-After", "0")
        return answer.status, float(wait) if wait.isdigit() else 0.0
