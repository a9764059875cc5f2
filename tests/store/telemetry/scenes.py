"""Short ways to put telemetry into a store, and to say when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from wellkept.kernel.clock import to_nanos
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KINDS = {"Internal": 1, "Server": 2, "Client": 3, "Producer": 4, "Consumer": 5}
STATUSES = {"Unset": 0, "Ok": 1, "Error": 2}
GAUGE, CUMULATIVE, DELTA, UP_AND_DOWN = "gauge", "cumulative", "delta", "up_and_down"


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def nanos(seconds: float) -> int:
    return to_nanos(at(seconds))


def attributes(**found: str) -> list[KeyValue]:
    """Attributes; an underscore stands for a dot."""
    pairs = []
    for key, value in found.items():
        pair = KeyValue(key=key.replace("_", "."))
        pair.value.string_value = value
        pairs.append(pair)
    return pairs


def put_metric(
    telemetry: Telemetry,
    values: Sequence[tuple[float, float]],
    *,
    kind: str = GAUGE,
    name: str = "load",
    unit: str = "1",
    service: str = "shop",
    labels: Mapping[str, str] | None = None,
) -> None:
    """Store points (seconds after noon, value) of one series."""
    put_metrics(telemetry, [metric_body(values, kind=kind, name=name, unit=unit, service=service, labels=labels)])


def put_metrics(telemetry: Telemetry, bodies: Iterable[bytes]) -> None:
    """Store many series at once."""
    telemetry.otlp.insert(Signal.METRICS, list(bodies), nanos(0))


def metric_body(
    values: Sequence[tuple[float, float]],
    *,
    kind: str = GAUGE,
    name: str = "load",
    unit: str = "1",
    service: str = "shop",
    labels: Mapping[str, str] | None = None,
) -> bytes:
    """The request that one series comes with; see ``put_metric``."""
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.extend(attributes(service_name=service))
    metric = block.scope_metrics.add().metrics.add(name=name, unit=unit)
    data: Any = metric.gauge
    if kind != GAUGE:
        data = metric.sum
        data.is_monotonic = kind != UP_AND_DOWN
        data.aggregation_temporality = 1 if kind == DELTA else 2
    for seconds, value in values:
        point = data.data_points.add(time_unix_nano=nanos(seconds), as_double=value)
        point.attributes.extend(attributes(**(labels or {})))
    return request.SerializeToString()


@dataclass(frozen=True, slots=True)
class Span:
    """What a span is, but for whose it is and when; ids are numbers, and 0 is none."""

    kind: str = "Server"
    trace: int = 1
    span: int = 1
    parent: int = 0
    status: str = "Unset"
    name: str = "GET /"
    times: int = 1


_FIELDS = frozenset(field.name for field in fields(Span))


def put_span(telemetry: Telemetry, service: str, began: float, took_s: float, **more: Any) -> None:
    """Store one span, ``times`` times; what is no field of ``Span`` is an attribute of it."""
    body = span_body(service, began, took_s, **more)
    telemetry.otlp.insert(Signal.TRACES, [body] * more.get("times", 1), nanos(began))


def put_spans(telemetry: Telemetry, bodies: Iterable[bytes]) -> None:
    """Store many spans at once, as the intake does: to store one costs as much as to store a hundred."""
    telemetry.otlp.insert(Signal.TRACES, list(bodies), nanos(0))


def span_body(service: str, began: float, took_s: float, **more: Any) -> bytes:
    """The request that one span comes with; see ``put_span``."""
    spec = Span(**{name: value for name, value in more.items() if name in _FIELDS})
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    namespace, _, plain = service.rpartition("/")
    block.resource.attributes.extend(attributes(service_name=plain, service_namespace=namespace))
    made = block.scope_spans.add().spans.add(
        trace_id=_id(spec.trace, 16),
        span_id=_id(spec.span, 8),
        parent_span_id=_id(spec.parent, 8),
        name=spec.name,
        kind=KINDS[spec.kind],
        start_time_unix_nano=nanos(began),
        end_time_unix_nano=nanos(began) + round(took_s * 1e9),
    )
    made.status.code = STATUSES[spec.status]  # type: ignore[assignment]
    made.attributes.extend(attributes(**{name: value for name, value in more.items() if name not in _FIELDS}))
    return request.SerializeToString()


def _id(number: int, length: int) -> bytes:
    return number.to_bytes(length, "big") if number else b""


def put_log(
    telemetry: Telemetry,
    text: str,
    seconds: float,
    *,
    severity: int = 9,
    service: str = "shop",
    times: int = 1,
    **labels: str,
) -> None:
    """Store one record (``times`` times)."""
    request = ExportLogsServiceRequest()
    block = request.resource_logs.add()
    block.resource.attributes.extend(attributes(service_name=service))
    record = block.scope_logs.add().log_records.add(
        time_unix_nano=nanos(seconds),
        severity_number=severity,
    )
    record.body.string_value = text
    record.attributes.extend(attributes(**labels))
    telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString()] * times, nanos(seconds))
