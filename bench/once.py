"""Request bodies in which every item is one of its kind, so that what is stored can be held against what was sent.

An item tells its sender and the number of its request: records and spans in their texts; points in their series and
their times, a millisecond later from request to request. New series come all the time. Some requests reach back to the
day before, whose rows the engine keeps apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cramjam
from bench import remote_bodies
from bench.remote_bodies import Series
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

ITEMS = 20
NEW_SERIES_EVERY, OTHER_DAY_EVERY = 40, 4
BOUNDS = (1.0, 2.0, 5.0)
PARTS = len(BOUNDS) + 3
"""Points of a histogram: one for each bucket, its count and its sum."""
DAY_MS = 86_400_000
_PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a sender sends, and how many rows of it each request has to leave behind."""

    name: str
    path: str
    make: Callable[[str, int, int], bytes]
    rows: int
    headers: dict[str, str]
    metrics: tuple[str, ...] = ()
    """What Prometheus calls its points."""


def moment(base_ms: int, number: int, item: int) -> int:
    """The time of an item in milliseconds."""
    goes_back = number % OTHER_DAY_EVERY == 0 and item % 2
    return base_ms + number - (DAY_MS if goes_back else 0)


def number_of(base_ms: int, at_ms: int) -> int:
    """The request that a point came with, by its time."""
    return (at_ms - base_ms) % DAY_MS


def numbers(sender: str, number: int, base_ms: int) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="once.numbers")
    for item in range(ITEMS):
        point = metric.gauge.data_points.add(
            time_unix_nano=moment(base_ms, number, item) * 1_000_000, as_double=float(number)
        )
        _attributes(point, _labels(sender, number, item))
    return request.SerializeToString()


def histograms(sender: str, number: int, base_ms: int) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="once.histograms")
    metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    for item in range(ITEMS):
        point = metric.histogram.data_points.add(
            time_unix_nano=moment(base_ms, number, item) * 1_000_000,
            count=10 * number + 10,
            sum=7.0 * number,
            explicit_bounds=BOUNDS,
            bucket_counts=[number + 1, number + 2, number + 3, 7 * number + 4],
        )
        _attributes(point, _labels(sender, number, item))
    return request.SerializeToString()


def logs(sender: str, number: int, base_ms: int) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for item in range(ITEMS):
        record = scope.log_records.add(time_unix_nano=moment(base_ms, number, item) * 1_000_000, severity_number=9)
        record.body.string_value = f"{sender}/{number}/{item}"
    return request.SerializeToString()


def traces(sender: str, number: int, base_ms: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for item in range(ITEMS):
        span = scope.spans.add(name=f"{sender}/{number}/{item}", kind=2)
        span.start_time_unix_nano = moment(base_ms, number, item) * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + 5_000_000
        span.trace_id, span.span_id = (number + 1).to_bytes(16, "big"), (item + 1).to_bytes(8, "big")
    return request.SerializeToString()


def write_1(sender: str, number: int, base_ms: int) -> bytes:
    return bytes(cramjam.snappy.compress_raw(remote_bodies.version_1(_series(sender, number, base_ms))))


def write_2(sender: str, number: int, base_ms: int) -> bytes:
    return bytes(cramjam.snappy.compress_raw(remote_bodies.version_2(_series(sender, number, base_ms))))


_HISTOGRAMS = tuple(f"once_histograms_{part}" for part in ("bucket", "count", "sum"))
KINDS = (
    Kind("numbers", "/v1/metrics", numbers, ITEMS, _PROTOBUF, ("once_numbers",)),
    Kind(
        "histograms",
        "/v1/metrics",
        histograms,
        ITEMS * PARTS,
        _PROTOBUF,
        _HISTOGRAMS,
    ),
    Kind("logs", "/v1/logs", logs, ITEMS, _PROTOBUF),
    Kind("traces", "/v1/traces", traces, ITEMS, _PROTOBUF),
    Kind("write1", "/api/v1/write", write_1, ITEMS, remote_bodies.HEADERS_1, ("once_written",)),
    Kind("write2", "/api/v1/write", write_2, ITEMS, remote_bodies.HEADERS_2, ("once_written",)),
)


def _series(sender: str, number: int, base_ms: int) -> list[Series]:
    return [
        ({"__name__": "once_written", **_labels(sender, number, item)}, moment(base_ms, number, item), float(number))
        for item in range(ITEMS)
    ]


def _labels(sender: str, number: int, item: int) -> dict[str, str]:
    return {"item": str(item), "part": str(number // NEW_SERIES_EVERY), "sender": sender}


def _attributes(owner: object, found: dict[str, str]) -> None:
    for key, value in found.items():
        owner.attributes.add(key=key).value.string_value = value  # type: ignore[attr-defined]
