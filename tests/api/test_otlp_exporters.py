"""What the OpenTelemetry SDK exports arrives: its own exporters against a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression, _log_exporter, metric_exporter, trace_exporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from tests.api.serving import served

from wellkept.api.otlp import routes
from wellkept.api.otlp_grpc import GrpcSettings, OtlpGrpc
from wellkept.app.clock import SystemClock
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.telemetry import Telemetry

RESOURCE = Resource({"service.name": "checkout", "service.namespace": "shop", "host.id": "h1", "argv": ["a", "b"]})
CHECKOUT = "service:shop/checkout"
TOKEN = "the-token-of-this-test"
A_WHILE = timedelta(minutes=5)


@dataclass(frozen=True)
class Exporters:
    """The exporters of one way in; the argument says whether to compress."""

    spans: Callable[[bool], SpanExporter]
    metrics: Callable[[bool], MetricExporter]
    logs: Callable[[bool], LogRecordExporter]


def over_http(address: str) -> Exporters:
    codings = (Compression.NoCompression, Compression.Gzip)
    return Exporters(
        lambda packs: trace_exporter.OTLPSpanExporter(f"{address}/v1/traces", compression=codings[packs]),
        lambda packs: metric_exporter.OTLPMetricExporter(f"{address}/v1/metrics", compression=codings[packs]),
        lambda packs: _log_exporter.OTLPLogExporter(f"{address}/v1/logs", compression=codings[packs]),
    )


def over_grpc(address: str) -> Exporters:
    codings = (grpc.Compression.NoCompression, grpc.Compression.Gzip)
    headers = {"authorization": f"Bearer {TOKEN}"}
    return Exporters(
        lambda packs: grpc_traces.OTLPSpanExporter(address, headers=headers, compression=codings[packs]),
        lambda packs: grpc_metrics.OTLPMetricExporter(address, headers=headers, compression=codings[packs]),
        lambda packs: grpc_logs.OTLPLogExporter(address, headers=headers, compression=codings[packs]),
    )


@pytest.fixture(params=["http", "grpc"])
def exporters(request: pytest.FixtureRequest, telemetry: Telemetry) -> Iterator[Exporters]:
    ingest = Ingest(telemetry, SystemClock())
    if request.param == "http":
        with served(Starlette(routes=routes(ingest))) as found:
            yield over_http(found)
    else:
        server = OtlpGrpc(GrpcSettings(port=0), ingest, TOKEN)
        server.start()
        assert server.address is not None
        yield over_grpc(server.address)
        server.close()
    ingest.close()


def span_of_time() -> tuple[datetime, datetime]:
    return datetime.now(UTC) - A_WHILE, datetime.now(UTC) + A_WHILE


@pytest.mark.parametrize("packs", [False, True])
def test_spans(telemetry: Telemetry, exporters: Exporters, packs: bool) -> None:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporters.spans(packs)))
    tracer = provider.get_tracer("shop", "1.2")
    for number in range(50):
        with tracer.start_as_current_span("POST /pay", kind=SpanKind.SERVER, attributes={"n": number}) as span:
            span.add_event("took the card", {"ok": True})
            span.set_status(StatusCode.ERROR if number % 10 == 0 else StatusCode.OK)
    assert provider.force_flush(30_000)
    provider.shutdown()
    rows = telemetry.spans.recent(*span_of_time(), entity=CHECKOUT, limit=1000)
    assert rows.num_rows == 50
    assert rows["StatusCode"].to_pylist().count("Error") == 5
    trace = telemetry.spans.trace(rows["TraceId"][0].as_py()).to_pylist()[0]
    assert trace["ScopeName"] == "shop"
    assert trace["event_names"] == ["took the card"]
    assert dict(trace["ResourceAttributes"])["argv"] == '["a","b"]'


def test_metrics(telemetry: Telemetry, exporters: Exporters) -> None:
    reader = PeriodicExportingMetricReader(exporters.metrics(True), 3_600_000)
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    meter = provider.get_meter("shop")
    for number in range(100):
        meter.create_counter("orders", unit="1").add(2, {"kind": f"k{number % 4}"})
        meter.create_up_down_counter("open", unit="1").add(1)
        meter.create_histogram("latency", unit="s").record(number / 100)
        meter.create_gauge("load").set(number)
    assert provider.force_flush(30_000)
    provider.shutdown()
    sent = "SELECT name, kind, is_monotonic, uniqExact(series) AS series, max(value) AS most FROM metric_points "
    joined = "INNER JOIN metric_series USING series WHERE entity = {e:String} GROUP BY ALL ORDER BY name"
    rows = telemetry.engine.query(sent + joined, {"e": CHECKOUT}).to_pylist()
    found = {row["name"]: (row["kind"], row["is_monotonic"], row["series"], row["most"]) for row in rows}
    assert found["orders"] == ("sum", True, 4, 50.0)
    assert found["open"] == ("sum", False, 1, 100.0)
    assert found["load"] == ("gauge", False, 1, 99.0)
    assert found["latency_count"] == ("histogram_count", True, 1, 100.0)
    assert found["latency_bucket"][3] == 100.0
    assert found["latency_sum"][3] == pytest.approx(49.5)


def test_logs(telemetry: Telemetry, exporters: Exporters) -> None:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporters.logs(False)))
    logger = provider.get_logger("shop")
    for number in range(30):
        logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body=f"order {number} is late",
                attributes={"order": {"items": [1, 2], "paid": True}},
            )
        )
    assert provider.force_flush(30_000)
    provider.shutdown()
    rows = telemetry.logs.search("is late", *span_of_time(), entity=CHECKOUT, limit=1000).to_pylist()
    assert sorted(row["Body"] for row in rows) == sorted(f"order {number} is late" for number in range(30))
    assert {row["SeverityText"] for row in rows} == {"WARN"}
    assert {dict(row["LogAttributes"])["order"] for row in rows} == {'{"items":[1,2],"paid":true}'}
