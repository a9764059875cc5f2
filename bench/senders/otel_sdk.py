"""A program with OpenTelemetry's SDK: metrics of every kind, logs and traces, counted.

    otel_sdk.py (http|grpc) COUNT

Where to send to, and the proof, are OpenTelemetry's own variables in the environment. Prints one JSON object: for each
question in PromQL what its answer has to be, and how many log records and traces were sent.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import urllib.parse
import urllib.request
from typing import Any

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

NEVER_MS = 3_600_000
SERIES, FLUSHES = 20, 3


def main(way: str, count: int) -> None:
    resource = Resource({"service.name": f"bench-otel-{way}"})
    questions = cumulative(way, resource, count) | delta(way, resource, count) | summary(way, count)
    logs(way, resource, count)
    traces(way, resource, count)
    print(json.dumps({"questions": questions, "logs": count, "traces": count}))


def exporter(way: str, module: str, kind: str, **options: Any) -> Any:
    found = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{way}.{module}")
    return getattr(found, kind)(**options)


def cumulative(way: str, resource: Resource, count: int) -> dict[str, int]:
    reader = PeriodicExportingMetricReader(exporter(way, "metric_exporter", "OTLPMetricExporter"), NEVER_MS)
    steps = View(instrument_name="bench.size", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider([reader], resource=resource, views=[steps], shutdown_on_exit=False)
    meter = provider.get_meter("bench")
    orders, waiting = meter.create_counter("bench.orders"), meter.create_up_down_counter("bench.waiting")
    load = meter.create_gauge("bench.load")
    latency, size = meter.create_histogram("bench.latency"), meter.create_histogram("bench.size")
    for _ in range(FLUSHES):
        for number in range(count):
            about = {"series": str(number % SERIES)}
            orders.add(1, about)
            waiting.add(1, about)
            load.set(number, about)
            latency.record(number % 100, about)
            size.record(number % 100, about)
        _flush(provider)
    provider.shutdown()
    job, total = f'{{job="bench-otel-{way}"}}', FLUSHES * count
    return {
        f"sum(last_over_time(bench_orders_total{job}[10m]))": total,
        f"sum(last_over_time(bench_waiting{job}[10m]))": total,
        f"sum(count_over_time(bench_load{job}[10m]))": (FLUSHES + 1) * SERIES,  # a provider that ends sends once more
        f"sum(last_over_time(bench_latency_count{job}[10m]))": total,
        f"sum(last_over_time(bench_size_count{job}[10m]))": total,
    }


def delta(way: str, resource: Resource, count: int) -> dict[str, int]:
    wanted = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
    made = exporter(way, "metric_exporter", "OTLPMetricExporter", preferred_temporality=wanted)
    reader = PeriodicExportingMetricReader(made, NEVER_MS)
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("bench")
    orders, latency = meter.create_counter("bench.delta.orders"), meter.create_histogram("bench.delta.latency")
    for _ in range(FLUSHES):
        for number in range(count):
            about = {"series": str(number % SERIES)}
            orders.add(1, about)
            latency.record(number % 100, about)
        _flush(provider)
    provider.shutdown()
    job, total = f'{{job="bench-otel-{way}"}}', FLUSHES * count
    return {
        f"sum(sum_over_time(bench_delta_orders_total{job}[10m]))": total,
        f"sum(sum_over_time(bench_delta_latency_count{job}[10m]))": total,
    }


def summary(way: str, count: int) -> dict[str, int]:
    """The one kind that the SDK does not make, as a Collector forwards it."""
    request = ExportMetricsServiceRequest()
    block = request.resource_metrics.add()
    block.resource.attributes.add(key="service.name").value.string_value = f"bench-otel-{way}"
    point = block.scope_metrics.add().metrics.add(name="bench.wait").summary.data_points.add(count=count, sum=1.5)
    point.time_unix_nano = time.time_ns()
    point.quantile_values.add(quantile=0.5, value=0.1)
    address = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    proof = urllib.parse.unquote(os.environ["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")[2])
    if way == "grpc":
        with grpc.insecure_channel(address.removeprefix("http://")) as channel:
            MetricsServiceStub(channel).Export(request, metadata=(("authorization", proof),))  # type: ignore[no-untyped-call]
    else:
        headers = {"Content-Type": "application/x-protobuf", "Authorization": proof}
        urllib.request.urlopen(
            urllib.request.Request(f"{address}/v1/metrics", request.SerializeToString(), headers)
        ).close()
    return {f'sum(last_over_time(bench_wait_count{{job="bench-otel-{way}"}}[10m]))': count}


def logs(way: str, resource: Resource, count: int) -> None:
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    made = BatchLogRecordProcessor(exporter(way, "_log_exporter", "OTLPLogExporter"), max_queue_size=4 * count)
    provider.add_log_record_processor(made)
    logger = provider.get_logger("bench")
    for number in range(count):
        logger.emit(LogRecord(severity_number=SeverityNumber.INFO, body=f"line {number}", attributes={"n": number}))
    _flush(provider)
    provider.shutdown()


def traces(way: str, resource: Resource, count: int) -> None:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    made = BatchSpanProcessor(exporter(way, "trace_exporter", "OTLPSpanExporter"), max_queue_size=4 * count)
    provider.add_span_processor(made)
    tracer = provider.get_tracer("bench")
    for _ in range(count):
        tracer.start_span("POST /pay", kind=SpanKind.SERVER).end()
    _flush(provider)
    provider.shutdown()


def _flush(provider: Any) -> None:
    if not provider.force_flush(60_000):
        raise SystemExit("not sent within a minute")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
