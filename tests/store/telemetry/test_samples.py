"""Samples of whole traces, and rows as they came."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.store.telemetry.scenes import at, attributes, nanos, put_span

from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry


def put_traces(telemetry: Telemetry, count: int) -> None:
    """Traces of two spans each, the second the child of the first; all in one request."""
    request = ExportTraceServiceRequest()
    for place, service in enumerate(("front", "back")):
        block = request.resource_spans.add()
        block.resource.attributes.extend(attributes(service_name=service))
        scope = block.scope_spans.add()
        for trace in range(1, count + 1):
            span = scope.spans.add(
                name="GET /",
                kind=2,
                start_time_unix_nano=nanos(trace + 0.1 * place),
                end_time_unix_nano=nanos(trace + 0.2),
                trace_id=trace.to_bytes(16, "big"),
                span_id=(2 * trace + place).to_bytes(8, "big"),
            )
            if place:
                span.parent_span_id = (2 * trace).to_bytes(8, "big")
    telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString()], nanos(0))


def put_line(telemetry: Telemetry, text: str, trace: int, span: int, severity: int = 9) -> None:
    request = ExportLogsServiceRequest()
    block = request.resource_logs.add()
    block.resource.attributes.extend(attributes(service_name="back"))
    record = block.scope_logs.add().log_records.add(time_unix_nano=nanos(trace), severity_number=severity)
    record.body.string_value = text
    record.trace_id, record.span_id = trace.to_bytes(16, "big"), span.to_bytes(8, "big")
    telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString()], nanos(0))


def test_a_small_time_is_taken_whole(telemetry: Telemetry) -> None:
    put_traces(telemetry, 5)

    found = telemetry.samples.traces(at(0), at(60), 1000)

    assert found.every == 1
    spans = found.spans.to_pylist()
    assert len(spans) == 10
    roots = {row["span"] for row in spans if row["parent"] == 0}
    assert {row["parent"] for row in spans if row["parent"]} == roots
    assert {row["entity"] for row in spans if row["parent"]} == {"service:back"}
    assert {row["duration"] for row in spans if row["parent"]} == {100_000_000}


def test_a_large_time_is_thinned_by_whole_traces(telemetry: Telemetry) -> None:
    put_traces(telemetry, 40)

    few, more = (telemetry.samples.traces(at(0), at(60), limit) for limit in (10, 20))

    assert (few.every, more.every) == (8, 4)
    assert 0 < few.spans.num_rows < more.spans.num_rows < 80
    kept = [{row["trace"] for row in sample.spans.to_pylist()} for sample in (few, more)]
    assert kept[0] < kept[1], "samples nest"
    assert few.spans.num_rows == 2 * len(kept[0]), "whole traces"


def test_a_span_that_came_twice_is_one(telemetry: Telemetry) -> None:
    put_traces(telemetry, 2)
    put_traces(telemetry, 2)

    assert telemetry.samples.traces(at(0), at(60), 1000).spans.num_rows == 4


def test_lines_are_told_by_their_place_and_their_words(telemetry: Telemetry) -> None:
    put_traces(telemetry, 2)
    put_line(telemetry, "12:00:01 INFO Pay#118 took 35 ms for 0af7651916cd43dd", 1, 3)
    put_line(telemetry, "12:07:59 INFO Pay#118 took 7 ms for deadbeefdeadbeef", 2, 5, severity=17)
    put_line(telemetry, "12:00:02 INFO Pay#121 took 1 ms for 0af7651916cd43dd", 1, 3)

    found = telemetry.samples.traces(at(0), at(60), 1000)

    templates = [row["template"] for row in found.logs.to_pylist()]
    assert sorted(set(templates)) == [
        "Pay#118 #:#:# INFO Pay## took # ms for #",
        "Pay#121 #:#:# INFO Pay## took # ms for #",
    ]
    spans = {row["span"] for row in found.spans.to_pylist() if row["entity"] == "service:back"}
    assert {row["span"] for row in found.logs.to_pylist()} == spans
    assert max(row["severity"] for row in found.logs.to_pylist()) == 17


def test_an_empty_time_has_no_rows(telemetry: Telemetry) -> None:
    found = telemetry.samples.traces(at(0), at(60), 10)

    assert (found.spans.num_rows, found.logs.num_rows) == (0, 0)


def test_spans_come_out_by_when_they_ended(telemetry: Telemetry) -> None:
    put_span(telemetry, "slow", 1, 30.0, trace=1, span=1)
    put_span(telemetry, "quick", 2, 1.0, trace=2, span=2)

    rows = telemetry.raw.spans(at(0), at(60)).to_pylist()

    assert [row["resource_attributes"][0][1] for row in rows] == ["quick", "slow"]
    assert telemetry.raw.spans(at(0), at(10)).num_rows == 1
    assert telemetry.raw.spans(at(25), at(60)).num_rows == 1
