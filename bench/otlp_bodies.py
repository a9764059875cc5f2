"""OTLP request bodies, as services send them: records in nanoseconds from a time on."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVICES, METRICS = 8, 25


def metrics(at: int, count: int) -> bytes:
    """Gauges and counters of some services, each point with three attributes."""
    request = ExportMetricsServiceRequest()
    owners = [_resource(request.resource_metrics, number).scope_metrics.add() for number in range(SERVICES)]
    found: dict[tuple[int, int], Any] = {}
    for number in range(count):
        service, name = number % SERVICES, number // SERVICES % METRICS
        if (service, name) not in found:
            metric = owners[service].metrics.add(name=f"shop.metric.{name}", unit="By")
            found[service, name] = metric.sum if name % 2 else metric.gauge
            if name % 2:
                metric.sum.is_monotonic = True
                metric.sum.aggregation_temporality = 2
        point = found[service, name].data_points.add(time_unix_nano=at, as_double=float(number))
        _attributes(point, {"cpu": str(number // SERVICES // METRICS), "state": "user", "zone": "a"})
    return request.SerializeToString()


def logs(at: int, count: int) -> bytes:
    request = ExportLogsServiceRequest()
    owners = [_resource(request.resource_logs, number).scope_logs.add() for number in range(SERVICES)]
    for number in range(count):
        record = owners[number % SERVICES].log_records.add(time_unix_nano=at + number, severity_number=9)
        record.severity_text = "INFO"
        record.body.string_value = f"order {number} of customer {number * 7919 % 10007} was paid in {number % 400} ms"
        record.trace_id, record.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        _attributes(record, {"log.file.path": "/var/log/shop.log", "thread": str(number % 16), "code.line": "42"})
    return request.SerializeToString()


def traces(at: int, count: int) -> bytes:
    request = ExportTraceServiceRequest()
    owners = [_resource(request.resource_spans, number).scope_spans.add() for number in range(SERVICES)]
    for number in range(count):
        span = owners[number % SERVICES].spans.add(start_time_unix_nano=at + number, name=f"GET /{number % 20}", kind=2)
        span.end_time_unix_nano = span.start_time_unix_nano + 5_000_000
        span.trace_id, span.span_id = (at + number).to_bytes(16, "big"), number.to_bytes(8, "big")
        _attributes(span, {"http.request.method": "GET", "http.response.status_code": "200", "url.path": f"/{number}"})
    return request.SerializeToString()


def _resource(blocks: Any, number: int) -> Any:
    block = blocks.add()
    named = {"service.name": f"service-{number}", "service.namespace": "shop", "host.id": "h1", "process.pid": "4711"}
    _attributes(block.resource, named)
    return block


def _attributes(owner: Any, found: dict[str, str]) -> None:
    for key, value in found.items():
        owner.attributes.add(key=key).value.string_value = value
