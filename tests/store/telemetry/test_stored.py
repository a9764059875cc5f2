from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.store.telemetry.scenes import NOON, put_log, put_metric

from wellkept.sdk.otlp import key_values
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def _predictions(*ids: str, at: datetime = NOW, version: str = "v1") -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"id": i, "time": at, "model": "fraud", "version": version, "score": 0.5, "latency_ms": 0.0}
        | dict.fromkeys(("entity_key", "trace_id", "span_id", "decision"), "")
        | {"features": [], "attributes": []}
        for i in ids
    ]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def _answers(*traces: int) -> bytes:
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    block.resource.attributes.extend(key_values({"service.name": "ledger", "service.namespace": "shop"}))
    nanos = int(NOW.timestamp() * 1e9)
    for trace in traces:
        for kind in (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT):
            block.scope_spans.add().spans.add(
                trace_id=trace.to_bytes(16), span_id=(trace * 10 + kind).to_bytes(8), kind=kind,
                start_time_unix_nano=nanos, end_time_unix_nano=nanos + 1,
            )  # fmt: skip
    return request.SerializeToString()


def test_what_is_stored_is_counted_once_from_the_moment_on(telemetry: Telemetry) -> None:
    telemetry.predictions.write(_predictions("a", "b"))
    telemetry.predictions.write(_predictions("b", "c", version="v2"))
    telemetry.predictions.write(_predictions("old", at=NOW - timedelta(hours=1)))
    label = {"prediction_id": "a", "model": "fraud", "time": NOW, "value": 1.0}
    telemetry.labels.write(pa.Table.from_pylist([label, label], schema=LABELS))
    telemetry.otlp.insert(Signal.TRACES, [_answers(1, 2), _answers(2)], 0)
    assert telemetry.stored.counts(NOW) == {
        "answers": {"service:shop/ledger": 2},
        "logs": {},
        "predictions": {"fraud": 3},
        "versions": {"fraud": {"v1": 2, "v2": 2}},
        "labels": {"fraud": 1},
    }


def test_of_nothing_there_is_nothing(telemetry: Telemetry) -> None:
    assert not any(telemetry.stored.counts(NOW).values())


def test_the_oldest_is_of_whatever_signal_it_is(telemetry: Telemetry) -> None:
    assert telemetry.oldest() is None
    telemetry.otlp.insert(Signal.TRACES, [_answers(1)], int(NOW.timestamp() * 1e9))
    assert telemetry.oldest() == NOW
    now = (NOW - NOON).total_seconds()
    put_log(telemetry, "line", now - 60)
    assert telemetry.oldest() == NOW - timedelta(seconds=60)
    put_metric(telemetry, [(now - 30, 1.0), (now - 90, 1.0)])
    assert telemetry.oldest() == NOW - timedelta(seconds=90)
