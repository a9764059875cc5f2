"""A plain decode of OTLP requests, point by point, by what the official messages say: what the engine is held to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """One stored point with what its series is."""

    name: str
    unit: str
    kind: str
    is_monotonic: bool
    temporality: int
    resource: Attributes
    attributes: Attributes
    millis: int
    value: float

    @property
    def key(self) -> str:
        """Something to sort by."""
        return repr((self.millis, self.name, sorted(self.attributes.items(), key=repr), self.value))


def points(request: ExportMetricsServiceRequest, received_ns: int) -> list[Point]:
    """Every point that is to be stored."""
    found = [
        replace(point, resource=attributes(block.resource.attributes), name=metric.name + point.name, unit=metric.unit)
        for block in request.resource_metrics
        for scope in block.scope_metrics
        for metric in scope.metrics
        for point in _of_metric(metric, received_ns)
    ]
    return sorted(found, key=lambda point: point.key)


def _of_metric(metric: Metric, received_ns: int) -> Iterator[Point]:
    family = metric.WhichOneof("data")
    if family is None:
        return
    data = getattr(metric, family)
    for point in data.data_points:
        if point.flags & 1:
            continue
        nanos = point.time_unix_nano or received_ns
        base = Point("", "", "", True, 2, {}, attributes(point.attributes), nanos // 1_000_000, 0.0)
        if family in ("gauge", "sum"):
            value = point.WhichOneof("value")
            if value is not None:
                number = float(getattr(point, value))
                is_monotonic = family == "sum" and data.is_monotonic
                temporality = data.aggregation_temporality if family == "sum" else 0
                yield replace(base, kind=family, is_monotonic=is_monotonic, temporality=temporality, value=number)
        elif family == "summary":
            yield from _of_summary(point, base)
        else:
            yield from _of_histogram(family, point, replace(base, temporality=data.aggregation_temporality))


def _of_histogram(family: str, point: Any, base: Point) -> Iterator[Point]:
    yield replace(base, name="_count", kind="histogram_count", value=float(point.count))
    if point.HasField("sum"):
        yield replace(base, name="_sum", kind="histogram_sum", value=point.sum)
    total = 0
    for bound, count in _explicit(point) if family == "histogram" else _exponential(point):
        total += count
        labels = {**base.attributes, "le": bound}
        yield replace(base, name="_bucket", kind="histogram_bucket", attributes=labels, value=float(total))


def _explicit(point: Any) -> Iterator[tuple[str, int]]:
    bounds = [*(number(bound) for bound in point.explicit_bounds), "+Inf"]
    return zip(bounds, point.bucket_counts, strict=True)


def _exponential(point: Any) -> Iterator[tuple[str, int]]:
    """Upper bounds and counts from the lowest on: bucket i holds what is above base^(offset+i), up to its successor."""
    base = 2.0 ** (2.0**-point.scale)
    for index in reversed(range(len(point.negative.bucket_counts))):
        yield number(-(base ** (point.negative.offset + index))), point.negative.bucket_counts[index]
    yield number(point.zero_threshold), point.zero_count
    for index, count in enumerate(point.positive.bucket_counts):
        yield number(base ** (point.positive.offset + index + 1)), count
    yield "+Inf", 0


def _of_summary(point: Any, base: Point) -> Iterator[Point]:
    yield replace(base, name="_count", kind="summary_count", value=float(point.count))
    yield replace(base, name="_sum", kind="summary_sum", value=point.sum)
    for quantile in point.quantile_values:
        labels = {**base.attributes, "quantile": number(quantile.quantile)}
        yield replace(base, kind="summary_quantile", is_monotonic=False, attributes=labels, value=quantile.value)


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in an order that does not depend on that of the keys in their maps."""
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=repr))


def attributes(pairs: Iterable[KeyValue]) -> Attributes:
    """Attributes as they are read back: texts, and what was JSON as what it stands for."""
    return {pair.key: parsed(text(pair.value)) for pair in pairs}


def text(value: AnyValue) -> str:
    """A value as it is stored."""
    match value.WhichOneof("value"):
        case None:
            return ""
        case "array_value" if not value.array_value.values:
            return ""
        case "array_value" | "kvlist_value":
            return json.dumps(_json(value))
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "double_value":
            return number(value.double_value)
        case "bytes_value":
            return value.bytes_value.hex()
        case kind:
            return str(getattr(value, kind))


def _json(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_json(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _json(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return value.bytes_value.hex()
        case "double_value" if not math.isfinite(value.double_value):
            return None
        case kind:
            return getattr(value, kind)


def number(value: float) -> str:
    """A double as the engine writes it: the shortest text that reads back as the same number."""
    if not math.isfinite(value):
        return str(value)
    return (
        str(int(value))
        if value.is_integer() and abs(value) < 1e15
        else repr(value).replace("e+", "e").replace("e-0", "e-")
    )


def parsed(stored: str) -> Any:
    """What a stored text stands for, if it is the JSON of a list or a map; numbers that are whole are integers."""
    if stored[:1] in ("[", "{"):
        try:
            return _whole(json.loads(stored))
        except ValueError:
            return stored
    return stored


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value
