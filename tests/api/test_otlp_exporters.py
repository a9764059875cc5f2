"""What the OpenTelemetry SDK exports arrives: its own exporters against a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from tests.api.serving import served

from wellkept.api.otlp import routes
from wellkept.app.clock import SystemClock
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.telemetry import Telemetry

RESOURCE = Resource({"service.name": "checkout", "service.namespace": "shop", "host.id": "h1", "argv": ["a", "b"]})
CHECKOUT = "service:shop/checkout"
A_WHILE = timedelta(minutes=5)


@pytest.fixture
def address(telemetry: Telemetry) -> Iterator[str]:
    ingest = Ingest(telemetry, SystemClock())
    with served(Starlette(routes=routes(ingest))) as found:
        yield found
    ingest.close()


def span_of_time() -> tuple[datetime, datetime]:
    return datetime.now(UTC) - A_WHILE, datetime.now(UTC) + A_WHILE


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans(telemetry: Telemetry, address: str, compression: Compression) -> None:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{address}/v1/traces", compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter))
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


def test_metrics(telemetry: Telemetry, address: str) -> None:
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{address}/v1/metrics"), 3_600_000)
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


def test_logs(telemetry: Telemetry, address: str) -> None:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{address}/v1/logs")))
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
