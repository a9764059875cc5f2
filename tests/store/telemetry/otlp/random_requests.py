"""Random small OTLP requests, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

FIRST_NS = 1_790_000_000_000_000_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
names = st.sampled_from(["cpu", "http.duration", "größe", "a b"])
keys = st.sampled_from(["k", "zone", "é", "A", ""])
identity = st.sampled_from(
    ["service.name", "service.namespace", "host.id", "process.pid", "mountpoint", "wellkept.model.name"]
)
doubles = st.sampled_from([0.0, 1.0, -2.5, 0.1, 1e300, 1e-7, 123456.789, float("inf"), float("-inf"), float("nan")])
finite = st.sampled_from([0.0, 0.005, 0.1, 1.0, 2.5, 10.0, 1e6])
integers = st.integers(-(2**63), 2**63 - 1)
values: st.SearchStrategy[AnyValue] = st.recursive(
    st.one_of(
        st.just(AnyValue()),
        texts.map(lambda v: AnyValue(string_value=v)),
        st.booleans().map(lambda v: AnyValue(bool_value=v)),
        integers.map(lambda v: AnyValue(int_value=v)),
        doubles.map(lambda v: AnyValue(double_value=v)),
        st.binary(max_size=4).map(lambda v: AnyValue(bytes_value=v)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: AnyValue(array_value=ArrayValue(values=v))),
        st.dictionaries(keys, inner, max_size=3).map(lambda v: AnyValue(kvlist_value=KeyValueList(values=pairs(v)))),
    ),
    max_leaves=4,
)
named = st.dictionaries(identity, texts.map(lambda v: AnyValue(string_value=v)), max_size=3)
attributes = st.builds(lambda one, two: pairs({**one, **two}), named, st.dictionaries(keys, values, max_size=3))
"""Attributes; those that identify an entity are texts."""


def pairs(found: dict[str, AnyValue]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in found.items()]


def _points(draw: st.DrawFn, kind: type, **fields: st.SearchStrategy[Any]) -> list[Any]:
    common = {"attributes": attributes, "flags": st.sampled_from([0, 0, 0, 1])}
    return draw(st.lists(st.builds(kind, **common, **fields), max_size=2))


@st.composite
def histogram_points(draw: st.DrawFn) -> HistogramDataPoint:
    bounds = sorted(draw(st.sets(finite, max_size=4)))
    counts = draw(st.lists(st.integers(0, 1000), min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    point = HistogramDataPoint(
        attributes=draw(attributes), count=sum(counts), bucket_counts=counts, explicit_bounds=bounds
    )
    if draw(st.booleans()):
        point.sum = draw(finite)
    return point


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    metric = Metric(name=draw(names), unit=draw(st.sampled_from(["", "By", "1"])), description="not kept")
    temporality: Any = draw(st.sampled_from([0, 1, 2]))
    number = {"as_double": st.none() | finite, "as_int": st.none()} if draw(st.booleans()) else {"as_int": integers}
    match draw(st.sampled_from(["gauge", "sum", "histogram", "exponential_histogram", "summary", "nothing"])):
        case "gauge":
            metric.gauge.CopyFrom(Gauge(data_points=_points(draw, NumberDataPoint, **number)))
        case "sum":
            made = _points(draw, NumberDataPoint, **number)
            is_monotonic = draw(st.booleans())
            metric.sum.CopyFrom(Sum(data_points=made, is_monotonic=is_monotonic, aggregation_temporality=temporality))
        case "histogram":
            made = draw(st.lists(histogram_points(), max_size=2))
            metric.histogram.CopyFrom(Histogram(data_points=made, aggregation_temporality=temporality))
        case "exponential_histogram":
            buckets = st.builds(
                ExponentialHistogramDataPoint.Buckets,
                offset=st.integers(-3, 3),
                bucket_counts=st.lists(st.integers(0, 1000), max_size=3),
            )
            # Of these scales the bounds are powers of two: the same numbers however they are worked out.
            fields: dict[str, Any] = {
                "count": st.integers(0, 2**63),
                "sum": st.none() | finite,
                "scale": st.integers(-2, 0),
            }
            fields |= {"positive": buckets, "negative": buckets, "zero_count": st.integers(0, 9)}
            spread = _points(draw, ExponentialHistogramDataPoint, **fields)
            exponential = ExponentialHistogram(data_points=spread, aggregation_temporality=temporality)
            metric.exponential_histogram.CopyFrom(exponential)
        case "summary":
            quantile = st.builds(SummaryDataPoint.ValueAtQuantile, quantile=st.sampled_from([0.5, 0.99]), value=finite)
            quantiles = st.lists(quantile, max_size=2, unique_by=lambda q: q.quantile)
            summed = _points(draw, SummaryDataPoint, count=st.integers(0, 99), sum=finite, quantile_values=quantiles)
            metric.summary.CopyFrom(Summary(data_points=summed))
    return metric


@st.composite
def metrics_requests(draw: st.DrawFn) -> ExportMetricsServiceRequest:
    """No two points have the same time, so that none is a repetition of another; a few have no time of their own."""
    scope = st.builds(InstrumentationScope, name=st.sampled_from(["", "meter", "other"]))
    scopes = st.builds(ScopeMetrics, scope=scope, metrics=st.lists(metrics(), max_size=3))
    blocks = st.builds(
        ResourceMetrics, resource=st.builds(Resource, attributes=attributes), scope_metrics=st.lists(scopes, max_size=2)
    )
    request = ExportMetricsServiceRequest(resource_metrics=draw(st.lists(blocks, max_size=3)))
    for count, point in enumerate(data_points(request), 1):
        point.time_unix_nano = FIRST_NS + count * 1_000_000_000 + draw(st.integers(0, 999_999_999))
    return request


def data_points(request: ExportMetricsServiceRequest) -> list[Any]:
    return [
        point
        for block in request.resource_metrics
        for scope in block.scope_metrics
        for metric in scope.metrics
        if (family := metric.WhichOneof("data")) is not None
        for point in getattr(metric, family).data_points
    ]
