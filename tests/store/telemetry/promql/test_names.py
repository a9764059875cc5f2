"""What OpenTelemetry's metrics are called in Prometheus, and that Prometheus's own keep their names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from tests.store.telemetry.promql.scenario import write_series
from tests.store.telemetry.remote.messages import message

from wellkept.kernel.clock import to_nanos
from wellkept.sdk.otlp import key_values
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.promql.catalogue import Metadata
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.promql.values import NAME, Vector, labels_of
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
AT_MS = int(NOON.timestamp() * 1000)
SERVICE = {"service.namespace": "shop", "service.name": "checkout", "service.instance.id": "pod-1"}
CUMULATIVE, DELTA = (
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
)

Attributes = Mapping[str, str]


class Sender:
    """Puts metrics into a request and stores it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry, self.request = telemetry, ExportMetricsServiceRequest()

    def metric(self, name: str, unit: str, resource: Attributes, scope: str = "") -> Metric:
        block = self.request.resource_metrics.add()
        block.resource.attributes.extend(key_values(resource))
        scoped = block.scope_metrics.add()
        scoped.scope.name = scope
        return scoped.metrics.add(name=name, unit=unit)

    def gauge(
        self, name: str, unit: str, value: float = 1.0, scope: str = "", ago_s: int = 0, **more: Attributes
    ) -> None:
        points = self.metric(name, unit, more.get("resource", SERVICE), scope).gauge.data_points
        at = to_nanos(NOON) - ago_s * 10**9
        points.add(time_unix_nano=at, as_double=value, attributes=key_values(more.get("attributes", {})))

    def sum(
        self,
        name: str,
        unit: str,
        values: tuple[float, ...] = (1.0,),
        monotonic: bool = True,
        temporality: AggregationTemporality.ValueType = CUMULATIVE,
    ) -> None:
        metric = self.metric(name, unit, SERVICE)
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = monotonic, temporality
        for age, value in enumerate(reversed(values)):
            metric.sum.data_points.add(time_unix_nano=to_nanos(NOON) - age * 15 * 10**9, as_double=value)

    def send(self) -> None:
        self.telemetry.otlp.insert(Signal.METRICS, [self.request.SerializeToString()], to_nanos(NOON))


def found(telemetry: Telemetry, query: str) -> list[tuple[dict[str, str], float]]:
    value = PromQL(telemetry.engine).instant(query, AT_MS).value
    assert isinstance(value, Vector)
    return [(dict(labels), row[0]) for labels, row in zip(value.labels, value.values.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("name", "unit", "called"),
    [
        ("system.memory.usage", "By", "system_memory_usage_bytes"),
        ("system.cpu.utilization", "1", "system_cpu_utilization_ratio"),
        ("fill_ratio", "1", "fill_ratio"),
        ("queue.length", "{item}", "queue_length"),
        ("queue.length", "", "queue_length"),
        ("temperature", "Cel", "temperature_celsius"),
        ("speed", "m/s", "speed_meters_per_second"),
        ("load", "%", "load_percent"),
        ("odd.unit", "foo bar", "odd_unit_foo_bar"),
        ("latency_seconds", "s", "latency_seconds"),
        ("2nd.level", "", "_2nd_level"),
        ("a..b--c", "", "a_b_c"),
        ("recorded:rule", "", "recorded:rule"),
        ("per", "{request}/h", "per_per_hour"),
    ],
)
def test_a_gauge_is_named_with_its_unit_in_words(name: str, unit: str, called: str, telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    sender.gauge(name, unit)
    sender.send()

    labels = {NAME: called, "job": "shop/checkout", "instance": "pod-1"}
    assert found(telemetry, f'{{__name__="{called}"}}') == [(labels, 1.0)]


def test_a_sum_that_only_rises_is_a_total_and_another_is_not(telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    sender.sum("network.io", "By")
    sender.sum("requests_total", "{request}")
    sender.sum("total.requests", "")
    sender.sum("connections", "{connection}", monotonic=False)
    sender.send()

    names = PromQL(telemetry.engine).label_values(NAME, [], 0, AT_MS, 10)
    assert names == ["connections", "network_io_bytes_total", "requests_total"]


def test_histograms_and_summaries_are_the_series_that_prometheus_makes_of_them(telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    histogram = sender.metric("http.server.request.duration", "s", SERVICE).histogram
    histogram.aggregation_temporality = CUMULATIVE
    histogram.data_points.add(
        time_unix_nano=to_nanos(NOON), count=6, sum=1.5, explicit_bounds=[0.1, 1], bucket_counts=[3, 2, 1]
    )
    summary = sender.metric("rpc.duration", "ms", SERVICE).summary.data_points.add(
        time_unix_nano=to_nanos(NOON), count=4
    )
    summary.quantile_values.add(quantile=0.5, value=7)
    sender.send()

    base = "http_server_request_duration_seconds"
    buckets = found(telemetry, f"{base}_bucket")
    assert {labels["le"]: value for labels, value in buckets} == {"0.1": 3, "1": 5, "+Inf": 6}
    assert [value for _, value in found(telemetry, f"{base}_sum")] == [1.5]
    assert [value for _, value in found(telemetry, f"{base}_count")] == [6]
    assert [value for _, value in found(telemetry, f"histogram_quantile(0.5, {base}_bucket)")] == [0.1]
    assert [(labels["quantile"], value) for labels, value in found(telemetry, "rpc_duration_milliseconds")] == [
        ("0.5", 7)
    ]
    assert PromQL(telemetry.engine).metadata() == {
        base: Metadata("histogram", "s", ""),
        "rpc_duration_milliseconds": Metadata("summary", "ms", ""),
    }
    assert PromQL(telemetry.engine).metadata("rpc_duration_milliseconds") == {
        "rpc_duration_milliseconds": Metadata("summary", "ms", "")
    }


def test_attributes_become_labels_and_those_that_become_alike_share_one(telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    attributes = {
        "cpu.mode": "user",
        "a.b": "1",
        "a_b": "2",
        "3d": "yes",
        "empty": "",
        "job": "mine",
        "host.name": "own",
    }
    sender.gauge("load", "", resource={**SERVICE, "host.name": "web", "k8s.pod.name": "p"}, attributes=attributes)
    sender.send()

    ((labels, _),) = found(telemetry, "load")
    assert labels == {
        NAME: "load", "cpu_mode": "user", "a_b": "1;2", "key_3d": "yes", "job": "shop/checkout", "instance": "pod-1",
        "host_name": "own", "k8s_pod_name": "p",
    }  # fmt: skip


def test_hosts_without_a_service_are_told_apart(telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    for host in ("a", "b"):
        sender.gauge("load", "", resource={"host.name": host})
    sender.send()

    assert [labels for labels, _ in found(telemetry, "load")] == [{NAME: "load", "host_name": h} for h in ("a", "b")]


def test_series_that_are_called_the_same_are_one_and_the_newer_counts(telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    sender.gauge("load", "", 1.0, scope="before", ago_s=60)
    sender.gauge("load", "", 2.0, scope="after")
    sender.send()

    assert [value for _, value in found(telemetry, "load")] == [2.0]
    value = PromQL(telemetry.engine).range("load", AT_MS - 60_000, AT_MS, 30_000).value
    assert isinstance(value, Vector)
    assert value.values.tolist() == [[1.0, 1.0, 2.0]]


def test_deltas_are_added_up_where_a_counter_would_be_subtracted(telemetry: Telemetry) -> None:
    sender = Sender(telemetry)
    sender.sum("jobs", "", (3.0, 6.0, 9.0, 12.0), temporality=DELTA)
    sender.send()

    assert [value for _, value in found(telemetry, "increase(jobs_total[1m])")] == [30.0]
    assert [value for _, value in found(telemetry, "rate(jobs_total[1m])")] == [0.5]
    assert [value for _, value in found(telemetry, "irate(jobs_total[1m])")] == [0.8]
    assert [value for _, value in found(telemetry, "jobs_total")] == [12.0]


def test_what_came_from_prometheus_is_called_as_it_came(telemetry: Telemetry) -> None:
    labels = labels_of(
        [(NAME, "Odd.name_total"), ("le", "1.0"), ("job", "j"), ("instance", "i"), ("a.b", "x"), ("_c", "y")]
    )
    write_series(telemetry.engine, {1: labels}, [(1, AT_MS, 1.0)])

    assert found(telemetry, '{__name__="Odd.name_total"}') == [(dict(labels), 1.0)]
    assert PromQL(telemetry.engine).series(['{job="j"}'], 0, AT_MS, 10) == [labels]
    assert PromQL(telemetry.engine).label_names([], 0, AT_MS, 10) == sorted(dict(labels))
    assert PromQL(telemetry.engine).label_values("a.b", [], 0, AT_MS, 10) == ["x"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [("counter", "counter"), ("prometheus_gauge", "gauge"), ("unknown", "unknown"), ("stateset", "unknown")],
)
def test_the_type_of_what_came_from_prometheus_is_told_where_it_is_known(
    kind: str, told: str, telemetry: Telemetry
) -> None:
    write_series(telemetry.engine, {1: labels_of([(NAME, "a__b_seconds")])}, [(1, AT_MS, 1.0)], kind)

    assert PromQL(telemetry.engine).metadata() == {"a__b_seconds": Metadata(told, "", "")}


def test_what_a_sender_told_of_a_metric_counts_before_what_its_series_say(telemetry: Telemetry) -> None:
    write_series(telemetry.engine, {1: labels_of([(NAME, "jobs_total")])}, [(1, AT_MS, 1.0)], "prometheus_unknown")
    told = message("WriteRequest")
    told.metadata.add(type=1, metric_family_name="jobs_total", help="Jobs so far.")
    telemetry.remote.insert(Version.V1, [told.SerializeToString()], AT_MS * 1_000_000)
    wanted = {"jobs_total": Metadata("counter", "", "Jobs so far.")}
    assert PromQL(telemetry.engine).metadata() == PromQL(telemetry.engine).metadata("jobs_total") == wanted
