"""Build and send OTLP: small builders over the protobuf messages, and a sender that keeps to the retry rules."""

from __future__ import annotations

import gzip
import logging
import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ScopeMetrics

from wellkept.kernel.errors import WellkeptError
from wellkept.sdk.answers import retry_after_s
from wellkept.sdk.connection import Connection

log = logging.getLogger(__name__)

RETRYABLE = frozenset({429, 502, 503, 504})
NOT_OF_THE_BATCH = frozenset({401, 403, 404, 407, 408})
FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_WAIT_S = 0.4, 15.0, 600.0
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

    def histogram(
        self,
        resource: Attributes,
        name: str,
        unit: str,
        bounds: Sequence[float],
        counts: Sequence[int],
        total: float,
        attributes: Attributes,
    ) -> None:
        """Add a point of a cumulative histogram: ``counts`` between the upper ``bounds`` and beyond the last."""
        metric = self._metric(resource, name, unit).histogram
        metric.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        point = metric.data_points.add(time_unix_nano=self._at, count=sum(counts), sum=total)
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
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
    """Sends OTLP over HTTP: gzip, one kept connection, retries as the specification says.

    Beyond it, an answer that says nothing of the batch (a token or an address that is not right yet) is no reason to
    drop the batch: it is retried too, and what is wrong is logged.
    """

    def __init__(self, url: str, token: str, stop: threading.Event, *, timeout_s: float = 10.0) -> None:
        self._connection, self._stop = Connection(url, token, timeout_s), stop
        self._not_before = 0.0
        self._complaint = ""
        self.refused = 0

    def send(self, path: str, message: Message | bytes, *, give_up_after_s: float | None = None) -> bool:
        """Send until it is acknowledged. ``message`` is an export request, or one that is serialised already.

        Returns False when the server refused it for good (counted and logged), when ``give_up_after_s`` passed, or
        when the sender was stopped. Time that the server asked for (``Retry-After``) is kept, also by later batches.
        """
        data = message if isinstance(message, bytes) else message.SerializeToString()
        body = gzip.compress(data, compresslevel=1)
        deadline = math.inf if give_up_after_s is None else time.monotonic() + give_up_after_s
        pause_s = FIRST_PAUSE_S
        while self._wait_until(self._not_before, deadline):
            status, wait_s = self._try(path, body)
            if 200 <= status < 300:
                self._complaint = ""
                return True
            if status and status not in RETRYABLE | NOT_OF_THE_BATCH:
                self.refused += 1
                log.warning("%s refused a batch with status %s; it is dropped", path, status)
                return False
            self._complain(path, status)
            jittered = pause_s * random.uniform(0.8, 1.2)
            self._not_before = time.monotonic() + max(jittered, min(wait_s, LONGEST_WAIT_S))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return False

    def close(self) -> None:
        self._connection.close()

    def _wait_until(self, moment: float, deadline: float) -> bool:
        """Wait; False when the deadline comes first, or the sender is stopped."""
        if moment > deadline or self._stop.is_set():
            return False
        return not self._stop.wait(max(0.0, moment - time.monotonic()))

    def _complain(self, path: str, status: int) -> None:
        """Say once what is wrong for as long as it stays so."""
        complaint = f"{path} is answered with status {status}" if status else f"{path} is not answered"
        if complaint != self._complaint:
            log.log(logging.WARNING if status in NOT_OF_THE_BATCH else logging.INFO, "%s; trying again", complaint)
        self._complaint = complaint

    def _try(self, path: str, body: bytes) -> tuple[int, float]:
        """One attempt: the status (0: no answer) and the seconds that the server asks to wait."""
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        try:
            answer = self._connection.request("POST", path, body, headers)
        except WellkeptError:
            return 0, 0.0
        return answer.status, float(retry_after_s(answer.headers, 0))
