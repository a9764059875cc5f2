"""A request that is stored in part, from the limit that it met to what its sender reads: over HTTP and over gRPC."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from starlette.applications import Starlette
from tests.api.serving import served
from tests.api.test_otlp import JSON, PROTOBUF, SETTINGS
from tests.api.test_otlp_grpc import TOKEN, Sender
from tests.store.fixtures import telemetry_in
from tests.store.telemetry.scenes import NOON, nanos

from wellkept.api.otlp import routes
from wellkept.api.otlp_grpc import GrpcSettings, OtlpGrpc
from wellkept.kernel.clock import SettableClock
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.points.limits import PointLimits
from wellkept.store.telemetry.telemetry import Telemetry

ROOM = 3
REASON = f"metric 'load' has {ROOM} active series, and may have {ROOM} (ingest.metrics.series_of_metric)"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Telemetry]:
    """A store with room for three series of each metric."""
    opened = telemetry_in(tmp_path / "telemetry", limits=PointLimits(series_of_metric=ROOM))
    yield opened
    opened.close()


@pytest.fixture
def ingest(full: Telemetry) -> Iterator[Ingest]:
    made = Ingest(full, SettableClock(NOON), SETTINGS)
    yield made
    made.close()


@pytest.fixture
def sender(ingest: Ingest) -> Iterator[Sender]:
    server = OtlpGrpc(GrpcSettings(port=0), ingest, TOKEN)
    server.start()
    made = Sender(server)
    yield made
    made.close()
    server.close()


def gauge(*series: str) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="load")
    for name in series:
        point = metric.gauge.data_points.add(time_unix_nano=nanos(1), as_double=1.0)
        point.attributes.add(key="series").value.string_value = name
    return request.SerializeToString()


def names(telemetry: Telemetry) -> set[str]:
    rows = telemetry.engine.query("SELECT attributes['series'] AS name FROM metric_series GROUP BY name")
    return set(rows["name"].to_pylist())


def test_over_http(ingest: Ingest, full: Telemetry) -> None:
    with served(Starlette(routes=routes(ingest))) as address, httpx.Client(base_url=address, timeout=60) as http:
        some = http.post("/v1/metrics", content=gauge("a", "b", "c", "d", "e"), headers={"Content-Type": PROTOBUF})
        point = {"timeUnixNano": str(nanos(2)), "asDouble": 1.0}
        metric = {"name": "load", "gauge": {"dataPoints": [point]}}
        body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
        none = http.post("/v1/metrics", content=body, headers={"Content-Type": JSON})
        known = http.post("/v1/metrics", content=gauge(*names(full)), headers={"Content-Type": PROTOBUF})

    partial = ExportMetricsServiceResponse.FromString(some.content).partial_success
    assert (some.status_code, partial.rejected_data_points, partial.error_message) == (200, 2, REASON)
    assert none.status_code == 200
    assert none.json() == {"partialSuccess": {"rejectedDataPoints": "1", "errorMessage": REASON}}
    assert (known.status_code, known.content) == (200, b"")
    assert len(names(full)) == ROOM


def test_over_grpc(sender: Sender, full: Telemetry) -> None:
    answer = sender.export(gauge("a", "b", "c", "d", "e"), Signal.METRICS)

    partial = ExportMetricsServiceResponse.FromString(answer).partial_success
    assert (partial.rejected_data_points, partial.error_message) == (2, REASON)
    assert sender.export(gauge(*names(full)), Signal.METRICS) == b""
    assert len(names(full)) == ROOM


def test_opentelemetrys_exporter_is_content_and_does_not_come_again(
    sender: Sender, full: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = OTLPMetricExporter(sender.server.address, headers={"authorization": f"Bearer {TOKEN}"})
    reader = PeriodicExportingMetricReader(exporter, 3_600_000)
    provider = MeterProvider([reader], resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    load = provider.get_meter("shop").create_gauge("load")
    for number in range(10):
        load.set(1.0, {"series": str(number)})
    with caplog.at_level(logging.WARNING):
        assert provider.force_flush(30_000)
    assert "Failed to export" not in caplog.text
    assert sender.server.counts.stored == 1
    provider.shutdown()
    assert len(names(full)) == ROOM
