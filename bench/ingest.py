"""How many OTLP rows a second are stored, against a plain decode of the same bodies in Python with nothing stored.

    python -m bench.ingest [--bodies 60] [--records 2000] [--rounds 3] [--signal metrics] [--json]

For each signal the same request bodies go through ``Ingest`` (framing checked, grouped, decoded by the engine, stored
in its tables, acknowledged), and through the official protobuf classes with a loop over every record that makes its
row, which is the least that a receiver written in Python has to do. Prints the best of the rounds of each, and their
ratio. ``trickle`` sends small requests one after another and tells what a stored request costs in CPU time, ``idle``
what the engine costs and holds when nothing comes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from wellkept.app.clock import SystemClock
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

SECOND = 1_000_000_000
SERVICES, METRICS = 8, 25
PATIENCE_S = 300.0
COUNTS = {
    Signal.METRICS: "SELECT count() AS n FROM metric_points FINAL",
    Signal.LOGS: "SELECT count() AS n FROM otel_logs",
    Signal.TRACES: "SELECT count() AS n FROM otel_traces",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=60, help="requests of each signal")
    parser.add_argument("--records", type=int, default=2000, help="points, log records or spans in each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--signal", choices=[*Signal], action="append", type=Signal)
    parser.add_argument("--trickle-s", type=float, default=5.0, help="seconds of small requests")
    parser.add_argument("--idle-s", type=float, default=5.0, help="seconds of nothing at all")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args()
    say: Callable[[dict[str, Any]], None] = _say_json if chosen.json else _say
    with tempfile.TemporaryDirectory() as folder:
        telemetry = Telemetry.open(Path(folder) / "telemetry")
        ingest = Ingest(telemetry, SystemClock())
        for signal in chosen.signal or Signal:
            say(compare(telemetry, ingest, signal, chosen))
        say(trickle(ingest, chosen.trickle_s))
        say(idle(chosen.idle_s))
        ingest.close()
        telemetry.close()


def compare(telemetry: Telemetry, ingest: Ingest, signal: Signal, chosen: argparse.Namespace) -> dict[str, Any]:
    """Rows a second of both ways; every round has bodies of its own, so that nothing is a repetition.

    The first round brings the series, too; the best of the rounds is one that knows them, as nearly all are that a
    running system takes.
    """
    make, decode = BODIES[signal], DECODERS[signal]
    stored, plain = [], []
    rows = chosen.bodies * chosen.records
    first = time.time_ns() - 3600 * SECOND
    for number in range(chosen.rounds):
        bodies = [
            make(first + (number * chosen.bodies + n) * SECOND // 10, chosen.records) for n in range(chosen.bodies)
        ]
        stored.append(rows / _taken(lambda bodies=bodies: _store(ingest, signal, bodies)))  # type: ignore[misc]
        plain.append(rows / _taken(lambda bodies=bodies: sum(len(decode(body)) for body in bodies)))  # type: ignore[misc]
    count = telemetry.engine.query(COUNTS[signal])["n"][0].as_py()
    assert count == rows * chosen.rounds, f"{count} rows of {rows * chosen.rounds} are stored"
    return {
        "benchmark": "ingest",
        "case": str(signal),
        "rows": rows,
        "stored_per_s": round(max(stored)),
        "python_decode_per_s": round(max(plain)),
        "ratio": round(max(stored) / max(plain), 2),
    }


def trickle(ingest: Ingest, seconds: float) -> dict[str, Any]:
    """One sender of ten points after another, each waiting for its acknowledgement."""
    process = psutil.Process()
    requests, begun, busy = 0, time.perf_counter(), sum(process.cpu_times()[:2])
    while time.perf_counter() - begun < seconds:
        ingest.submit(Signal.METRICS, metrics(time.time_ns(), 10)).result(PATIENCE_S)
        requests += 1
    taken, busy = time.perf_counter() - begun, sum(process.cpu_times()[:2]) - busy
    return {
        "benchmark": "ingest",
        "case": "trickle",
        "requests": requests,
        "ack_ms": round(taken / max(requests, 1) * 1e3, 1),
        "cpu_ms_per_request": round(busy / max(requests, 1) * 1e3, 1),
        "cpu_share": round(busy / taken, 3),
    }


def idle(seconds: float) -> dict[str, Any]:
    """What the process takes and holds when nothing comes, a while after the load."""
    process = psutil.Process()
    time.sleep(2.0)
    busy = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    busy = sum(process.cpu_times()[:2]) - busy
    return {
        "benchmark": "ingest",
        "case": "idle",
        "cpu_share": round(busy / seconds, 4),
        "resident_mib": process.memory_info().rss >> 20,
    }


def _store(ingest: Ingest, signal: Signal, bodies: Sequence[bytes]) -> None:
    futures = [ingest.submit(signal, body) for body in bodies]
    wait(futures, PATIENCE_S)
    for future in futures:
        future.result(0)


def _taken(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def metrics(at: int, count: int) -> bytes:
    """Gauges and counters of some services, each point with three attributes."""
    request = ExportMetricsServiceRequest()
    owners = [_resource(request.resource_metrics, number).scope_metrics.add() for number in range(SERVICES)]
    found: dict[tuple[int, int], Any] = {}
    for number in range(count):
        service, name = number % SERVICES, number // SERVICES % METRICS
        if (service, name) not in found:
            metric = owners[service].metrics.add(name=f"shop.metric.{name}", unit="By")
            found[service, name] = metric.sum if name % 2 else metric.gauge
            if name % 2:
                metric.sum.is_monotonic = True
                metric.sum.aggregation_temporality = 2
        point = found[service, name].data_points.add(time_unix_nano=at, as_double=float(number))
        _attributes(point, {"cpu": str(number // SERVICES // METRICS), "state": "user", "zone": "a"})
    return request.SerializeToString()


def logs(at: int, count: int) -> bytes:
    request = ExportLogsServiceRequest()
    owners = [_resource(request.resource_logs, number).scope_logs.add() for number in range(SERVICES)]
    for number in range(count):
        record = owners[number % SERVICES].log_records.add(time_unix_nano=at + number, severity_number=9)
        record.severity_text = "INFO"
        record.body.string_value = f"order {number} of customer {number * 7919 % 10007} was paid in {number % 400} ms"
        record.trace_id, record.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        _attributes(record, {"log.file.path": "/var/log/shop.log", "thread": str(number % 16), "code.line": "42"})
    return request.SerializeToString()


def traces(at: int, count: int) -> bytes:
    request = ExportTraceServiceRequest()
    owners = [_resource(request.resource_spans, number).scope_spans.add() for number in range(SERVICES)]
    for number in range(count):
        span = owners[number % SERVICES].spans.add(start_time_unix_nano=at + number, name=f"GET /{number % 20}", kind=2)
        span.end_time_unix_nano = span.start_time_unix_nano + 5_000_000
        span.trace_id, span.span_id = (at + number).to_bytes(16, "big"), number.to_bytes(8, "big")
        _attributes(span, {"http.request.method": "GET", "http.response.status_code": "200", "url.path": f"/{number}"})
    return request.SerializeToString()


def _resource(blocks: Any, number: int) -> Any:
    block = blocks.add()
    named = {"service.name": f"service-{number}", "service.namespace": "shop", "host.id": "h1", "process.pid": "4711"}
    _attributes(block.resource, named)
    return block


def _attributes(owner: Any, found: dict[str, str]) -> None:
    for key, value in found.items():
        owner.attributes.add(key=key).value.string_value = value


def _pairs(owner: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in owner.attributes}


def decode_metrics(body: bytes) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for block in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        resource = _pairs(block.resource)
        for metric in (metric for scope in block.scope_metrics for metric in scope.metrics):
            data = metric.sum if metric.WhichOneof("data") == "sum" else metric.gauge
            for point in data.data_points:
                rows.append((resource, metric.name, metric.unit, _pairs(point), point.time_unix_nano, point.as_double))  # noqa: PERF401
    return rows


def decode_logs(body: bytes) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for block in ExportLogsServiceRequest.FromString(body).resource_logs:
        resource = _pairs(block.resource)
        for record in (record for scope in block.scope_logs for record in scope.log_records):
            ids = (record.trace_id.hex(), record.span_id.hex())
            text, level = record.body.string_value, (record.severity_number, record.severity_text)
            rows.append((resource, record.time_unix_nano, ids, level, text, _pairs(record)))
    return rows


def decode_traces(body: bytes) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for block in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _pairs(block.resource)
        for span in (span for scope in block.scope_spans for span in scope.spans):
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
            taken = span.end_time_unix_nano - span.start_time_unix_nano
            what = (span.name, span.kind, span.status.code)
            rows.append((resource, span.start_time_unix_nano, taken, ids, what, _pairs(span)))
    return rows


BODIES = {Signal.METRICS: metrics, Signal.LOGS: logs, Signal.TRACES: traces}
DECODERS = {Signal.METRICS: decode_metrics, Signal.LOGS: decode_logs, Signal.TRACES: decode_traces}


def _say_json(result: dict[str, Any]) -> None:
    print(json.dumps({**result, "at": datetime.now(UTC).isoformat(timespec="seconds")}), flush=True)


def _say(result: dict[str, Any]) -> None:
    print(
        f"{result['case']:8s}",
        *(f"{name} {value:,}" for name, value in result.items() if name not in ("benchmark", "case")),
        flush=True,
    )


if __name__ == "__main__":
    main()
