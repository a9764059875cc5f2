"""Metrics as the engine stores them, against a plain decode of the official messages."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from tests.store.telemetry.otlp import plain
from tests.store.telemetry.otlp.random_requests import FIRST_NS, data_points, metrics_requests, pairs

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

RECEIVED = 1_795_000_000_123_000_000
_STORED = """
SELECT toUnixTimestamp64Milli(time) AS millis, value, s.*
FROM metric_points AS p FINAL
LEFT JOIN (
    SELECT series, any(name) AS name, any(unit) AS unit, any(kind) AS kind, any(is_monotonic) AS is_monotonic,
        any(temporality) AS temporality, any(attributes) AS attributes,
        any(resource_attributes) AS resource_attributes,
        uniqExact(m.name, m.unit, m.kind, m.is_monotonic, m.temporality, m.attributes, m.resource_attributes)
            AS meanings
    FROM metric_series AS m GROUP BY series
) AS s USING series"""
many = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stored(telemetry: Telemetry) -> list[plain.Point]:
    rows = telemetry.engine.query(_STORED)
    assert set(rows["meanings"].to_pylist()) <= {1}
    maps = zip(text_maps(rows["resource_attributes"]), text_maps(rows["attributes"]), strict=True)
    fields = ("name", "unit", "kind", "is_monotonic", "temporality", "millis", "value")
    found = [
        plain.Point(**{field: row[field] for field in fields}, resource=_parsed(resource), attributes=_parsed(own))
        for row, (resource, own) in zip(rows.drop(["attributes", "resource_attributes"]).to_pylist(), maps, strict=True)
    ]
    return sorted(found, key=lambda point: point.key)


def _parsed(found: dict[str, str]) -> dict[str, Any]:
    return {key: plain.parsed(value) for key, value in found.items()}


def insert(telemetry: Telemetry, *requests: ExportMetricsServiceRequest) -> None:
    telemetry.otlp.insert(Signal.METRICS, [request.SerializeToString() for request in requests], RECEIVED)


def one(metric: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(metric)
    return request


@many
@given(st.lists(metrics_requests(), min_size=1, max_size=3))
def test_what_is_stored_is_what_a_plain_decode_gives(
    telemetry: Telemetry, requests: list[ExportMetricsServiceRequest]
) -> None:
    telemetry.engine.command("TRUNCATE TABLE metric_points")
    count = 0
    for request in requests:
        for point in data_points(request):
            count += 1
            point.time_unix_nano = FIRST_NS + count * 1_000_000_000
    insert(telemetry, *requests)
    wanted = [point for request in requests for point in plain.points(request, RECEIVED)]
    assert stored(telemetry) == sorted(wanted, key=lambda point: point.key)


def test_a_gauge_of_either_kind_of_number(telemetry: Telemetry) -> None:
    metric = Metric(name="load", unit="1")
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS, as_int=-3)
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS + 10**9, as_double=0.25)
    insert(telemetry, one(metric))
    assert [point.value for point in stored(telemetry)] == [-3.0, 0.25]


def test_a_point_without_a_value_and_one_flagged_as_not_recorded_are_left_out(telemetry: Telemetry) -> None:
    metric = Metric(name="load")
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS)
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS + 10**9, as_double=1.0, flags=1)
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS + 2 * 10**9, as_double=2.0, flags=2)
    insert(telemetry, one(metric))
    assert [point.value for point in stored(telemetry)] == [2.0]


def test_a_point_without_a_time_gets_that_of_receipt(telemetry: Telemetry) -> None:
    metric = Metric(name="load")
    metric.gauge.data_points.add(as_double=1.0)
    insert(telemetry, one(metric))
    assert [point.millis for point in stored(telemetry)] == [RECEIVED // 1_000_000]


def test_not_a_number_is_stored_as_what_it_is(telemetry: Telemetry) -> None:
    metric = Metric(name="load")
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS, as_double=math.nan)
    insert(telemetry, one(metric))
    assert math.isnan(stored(telemetry)[0].value)


def test_a_histogram_becomes_cumulative_buckets(telemetry: Telemetry) -> None:
    metric = Metric(name="latency", unit="s")
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    metric.histogram.data_points.add(
        time_unix_nano=FIRST_NS, count=6, sum=3.5, bucket_counts=[1, 2, 3], explicit_bounds=[0.005, 10]
    )
    insert(telemetry, one(metric))
    found = {(point.name, point.attributes.get("le")): point.value for point in stored(telemetry)}
    assert found == {
        ("latency_count", None): 6.0,
        ("latency_sum", None): 3.5,
        ("latency_bucket", "0.005"): 1.0,
        ("latency_bucket", "10"): 3.0,
        ("latency_bucket", "+Inf"): 6.0,
    }
    assert {point.temporality for point in stored(telemetry)} == {1}


def test_an_exponential_histogram_becomes_cumulative_buckets(telemetry: Telemetry) -> None:
    metric = Metric(name="latency", unit="s")
    metric.exponential_histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    point = metric.exponential_histogram.data_points.add(time_unix_nano=FIRST_NS, count=21, sum=9.0, scale=1)
    point.zero_count, point.zero_threshold = 1, 0.001
    point.positive.offset, point.negative.offset = -1, 2
    point.positive.bucket_counts.extend([2, 3, 4])
    point.negative.bucket_counts.extend([5, 6])
    insert(telemetry, one(metric))
    found = {float(point.attributes["le"]): point.value for point in stored(telemetry) if "le" in point.attributes}
    root = math.sqrt(2)
    wanted = {-(root**3): 6.0, -(root**2): 11.0, 0.001: 12.0, 1.0: 14.0, root: 17.0, root**2: 21.0, math.inf: 21.0}
    assert sorted(found) == pytest.approx(sorted(wanted))
    assert [found[bound] for bound in sorted(found)] == [wanted[bound] for bound in sorted(wanted)]


def test_what_was_renamed_is_stored_by_its_present_name(telemetry: Telemetry) -> None:
    for number, (name, key, place) in enumerate(
        (
            ("system.network.dropped", "state", "deployment.environment"),
            ("system.network.packet.dropped", "state", "deployment.environment.name"),
        )
    ):
        metric = Metric(name=name)
        point = metric.gauge.data_points.add(time_unix_nano=FIRST_NS + number * 10**9, as_int=number)
        point.attributes.add(key=key).value.string_value = "up"
        request = one(metric)
        request.resource_metrics[0].resource.attributes.add(key=place).value.string_value = "test"
        insert(telemetry, request)
    found = stored(telemetry)
    assert {point.name for point in found} == {"system.network.packet.dropped"}
    assert [point.resource for point in found] == [{"deployment.environment.name": "test"}] * 2
    assert [point.value for point in found] == [0.0, 1.0]


def test_one_name_as_several_kinds_and_from_several_scopes_are_several_series(telemetry: Telemetry) -> None:
    """A sender that goes over from cumulative to delta, or two libraries with one name, must not mix their points."""
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    for scope in ("first", "second"):
        metrics = block.scope_metrics.add()
        metrics.scope.name = scope
        gauge, falling, rising, delta = (metrics.metrics.add(name="requests", unit="1") for _ in range(4))
        gauge.gauge.data_points.add(time_unix_nano=FIRST_NS, as_double=1.0)
        for metric, is_monotonic, temporality in ((falling, False, 2), (rising, True, 2), (delta, True, 1)):
            metric.sum.is_monotonic = is_monotonic
            metric.sum.aggregation_temporality = AggregationTemporality.ValueType(temporality)
            metric.sum.data_points.add(time_unix_nano=FIRST_NS, as_double=1.0)
    insert(telemetry, request)
    assert len(stored(telemetry)) == 8


def test_the_order_of_attributes_does_not_matter(telemetry: Telemetry) -> None:
    for index, order in enumerate((("a", "b"), ("b", "a"))):
        metric = Metric(name="load")
        point = metric.gauge.data_points.add(time_unix_nano=FIRST_NS + index * 10**9, as_double=1.0)
        point.attributes.extend(pairs({key: AnyValue(string_value=key) for key in order}))
        insert(telemetry, one(metric))
    assert telemetry.engine.query("SELECT uniqExact(series) AS n FROM metric_points")["n"].to_pylist() == [1]


def test_a_repeated_point_counts_once(telemetry: Telemetry) -> None:
    metric = Metric(name="requests", unit="1")
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    metric.sum.data_points.add(time_unix_nano=FIRST_NS, as_double=60.0)
    for _ in range(3):
        insert(telemetry, one(metric))
    insert(telemetry, one(metric), one(metric))
    start = datetime.fromtimestamp(FIRST_NS // 10**9, UTC)
    window = telemetry.metrics.window(start, start.replace(minute=start.minute + 1), 60)
    assert window.values.tolist() == [[1.0]]


@pytest.mark.parametrize("count", [0, 1, 1500])
def test_many_metrics_in_one_request(telemetry: Telemetry, count: int) -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for index in range(count):
        metrics.add(name=f"m{index}").gauge.data_points.add(time_unix_nano=FIRST_NS, as_int=index)
    if count:
        metrics.add(name="last").sum.data_points.add(time_unix_nano=FIRST_NS, as_int=7)
    insert(telemetry, request)
    assert len(stored(telemetry)) == (count + 1 if count else 0)
    assert len({point.name for point in stored(telemetry)}) == (count + 1 if count else 0)


def test_every_family_among_many_metrics(telemetry: Telemetry) -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for index in range(1200):
        metrics.add(name=f"m{index}").gauge.data_points.add(time_unix_nano=FIRST_NS, as_int=index)
    for family in ("sum", "histogram", "exponential_histogram", "summary"):
        getattr(metrics.add(name=family), family).data_points.add(time_unix_nano=FIRST_NS)
    metrics[-4].sum.data_points[0].as_int = 1
    insert(telemetry, request)
    assert {point.name for point in stored(telemetry)} - {f"m{index}" for index in range(1200)} == {
        "sum",
        "histogram_count",
        "exponential_histogram_count",
        "exponential_histogram_bucket",
        "summary_count",
        "summary_sum",
    }


def test_damage_among_many_metrics_is_the_senders_fault(telemetry: Telemetry) -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for index in range(1200):
        metrics.add(name=f"m{index:04}").gauge.data_points.add(time_unix_nano=FIRST_NS, as_int=index)
    body = bytearray(request.SerializeToString())
    body[body.index(b"m1199") - 1] = 0x7F
    with pytest.raises(InputError, match=r"OTLP metrics request: cannot be decoded"):
        telemetry.otlp.insert(Signal.METRICS, [bytes(body)], RECEIVED)


def test_busy_readers_do_not_hold_up_a_write(telemetry: Telemetry) -> None:
    endless = "SELECT count() FROM system.numbers WHERE cityHash64(number) = 1"
    metric = Metric(name="load")
    metric.gauge.data_points.add(time_unix_nano=FIRST_NS, as_double=1.0)
    with ThreadPoolExecutor() as pool:
        busy = [pool.submit(telemetry.engine.query, endless, limit_s=60) for _ in range(4)]
        insert(telemetry, one(metric))
        assert not any(query.done() for query in busy)
        kill = "KILL QUERY WHERE query LIKE 'SELECT count() FROM system.numbers%' SYNC"
        while not all(query.done() for query in busy):
            telemetry.engine.command(kill)
    assert len(stored(telemetry)) == 1
