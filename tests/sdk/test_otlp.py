"""What the builders put into a request."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from wellkept.sdk.otlp import LogLine, MetricsBatch, Value, key_values, logs_request

HOST: Mapping[str, Value] = {"host.id": "h1"}
SERVICE: Mapping[str, Value] = {"host.id": "h1", "service.name": "checkout"}


@pytest.mark.parametrize(
    ("value", "field"),
    [("text", "string_value"), (True, "bool_value"), (7, "int_value"), (0.5, "double_value"), ("", "string_value")],
)
def test_an_attribute_keeps_its_type(value: Value, field: str) -> None:
    (pair,) = key_values({"key": value})

    assert pair.value.WhichOneof("value") == field
    assert getattr(pair.value, field) == value


def test_points_are_grouped_by_resource_and_metric() -> None:
    batch = MetricsBatch("test", 42)
    for mode in ("user", "system"):
        batch.gauge(HOST, "system.cpu.utilization", "1", 0.5, {"cpu.mode": mode})
    batch.gauge(SERVICE, "service.up", "1", 1.0, {})
    batch.gauge(dict(reversed(list(SERVICE.items()))), "process.memory.usage", "By", 1.0, {})

    host, service = batch.request.resource_metrics
    (metric,) = host.scope_metrics[0].metrics
    assert (metric.name, metric.unit, host.scope_metrics[0].scope.name) == ("system.cpu.utilization", "1", "test")
    assert [point.attributes[0].value.string_value for point in metric.gauge.data_points] == ["user", "system"]
    assert {point.time_unix_nano for point in metric.gauge.data_points} == {42}
    assert [found.name for found in service.scope_metrics[0].metrics] == ["service.up", "process.memory.usage"]


def test_a_counter_is_monotonic_and_cumulative() -> None:
    batch = MetricsBatch("test", 42)
    batch.counter(HOST, "system.network.io", "By", 10.0, {})

    total = batch.request.resource_metrics[0].scope_metrics[0].metrics[0].sum
    assert total.is_monotonic
    assert total.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert total.data_points[0].as_double == 10.0


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("INFO", SeverityNumber.SEVERITY_NUMBER_INFO),
        ("WARN", SeverityNumber.SEVERITY_NUMBER_WARN),
        ("ERROR", SeverityNumber.SEVERITY_NUMBER_ERROR),
        ("FATAL", SeverityNumber.SEVERITY_NUMBER_FATAL),
        ("odd", SeverityNumber.SEVERITY_NUMBER_UNSPECIFIED),
    ],
)
def test_a_line_carries_its_severity(name: str, number: SeverityNumber.ValueType) -> None:
    line = LogLine(42, "it broke", name, {"log.file.path": "/a.log"})

    request = logs_request("test", {tuple(sorted(HOST.items())): [line]})

    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert (record.severity_number, record.severity_text, record.body.string_value) == (number, name, "it broke")
    assert record.time_unix_nano == record.observed_time_unix_nano == 42
