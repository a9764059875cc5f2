"""Spans as the engine stores them, against what the official messages say."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from tests.store.telemetry.otlp import plain
from tests.store.telemetry.otlp.random_requests import FIRST_NS, attributes, texts

from wellkept.kernel.entity import entity_of
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

RECEIVED = 1_795_000_000_123_456_000
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUSES = ("Unset", "Ok", "Error")
_STORED = """
SELECT toUnixTimestamp64Nano(Timestamp) AS nanos, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind,
    ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
    Entity, ServiceEntity, arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_times,
    `Events.Name` AS event_names, `Events.Attributes` AS event_attributes, `Links.TraceId` AS link_traces,
    `Links.SpanId` AS link_spans, `Links.TraceState` AS link_states, `Links.Attributes` AS link_attributes
FROM otel_traces"""
trace_ids = st.sampled_from([b"", b"\x01\xab" * 8])
span_ids = st.sampled_from([b"", b"\xff\x00" * 4])
times = st.sampled_from([0, FIRST_NS, FIRST_NS + 250_000_000, 2**62])
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    trace_state=texts,
    name=texts,
    kind=st.integers(0, 5),
    start_time_unix_nano=times,
    end_time_unix_nano=times,
    attributes=attributes,
    events=st.lists(st.builds(Span.Event, time_unix_nano=times, name=texts, attributes=attributes), max_size=2),
    links=st.lists(
        st.builds(Span.Link, trace_id=trace_ids, span_id=span_ids, trace_state=texts, attributes=attributes), max_size=2
    ),
    status=st.builds(Status, message=texts, code=st.integers(0, 2)),
)
scopes = st.builds(
    ScopeSpans,
    scope=st.builds(InstrumentationScope, name=texts, version=texts),
    spans=st.lists(spans, max_size=2),
)
blocks = st.builds(
    ResourceSpans, resource=st.builds(Resource, attributes=attributes), scope_spans=st.lists(scopes, max_size=2)
)
requests = st.builds(ExportTraceServiceRequest, resource_spans=st.lists(blocks, max_size=3))


def insert(telemetry: Telemetry, *found: ExportTraceServiceRequest) -> None:
    telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString() for request in found], RECEIVED)


def stored(telemetry: Telemetry) -> list[dict[str, Any]]:
    rows = telemetry.engine.query(_STORED).to_pylist()
    for row in rows:
        for name in ("ResourceAttributes", "SpanAttributes"):
            row[name] = _parsed(row[name])
        for name in ("event_attributes", "link_attributes"):
            row[name] = [_parsed(found) for found in row[name]]
    return plain.in_order(rows)


def _parsed(found: list[tuple[str, str]]) -> dict[str, Any]:
    return {key: plain.parsed(value) for key, value in found}


def wanted(*found: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    rows = [
        _row(block, scope, span)
        for request in found
        for block in request.resource_spans
        for scope in block.scope_spans
        for span in scope.spans
    ]
    return plain.in_order(rows)


def _row(block: ResourceSpans, scope: ScopeSpans, span: Span) -> dict[str, Any]:
    resource = {pair.key: plain.text(pair.value) for pair in block.resource.attributes}
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    service = {key: value for key, value in resource.items() if key.startswith("service.")}
    return {
        "nanos": start or RECEIVED,
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "ParentSpanId": span.parent_span_id.hex(),
        "TraceState": span.trace_state,
        "SpanName": span.name,
        "SpanKind": KINDS[span.kind],
        "ServiceName": resource.get("service.name", ""),
        "ResourceAttributes": plain.attributes(block.resource.attributes),
        "ScopeName": scope.scope.name,
        "ScopeVersion": scope.scope.version,
        "SpanAttributes": plain.attributes(span.attributes),
        "Duration": end - start if start and end > start else 0,
        "StatusCode": STATUSES[span.status.code],
        "StatusMessage": span.status.message,
        "Entity": entity_of(resource, {pair.key: plain.text(pair.value) for pair in span.attributes}),
        "ServiceEntity": entity_of(service),
        "event_times": [event.time_unix_nano or RECEIVED for event in span.events],
        "event_names": [event.name for event in span.events],
        "event_attributes": [plain.attributes(event.attributes) for event in span.events],
        "link_traces": [link.trace_id.hex() for link in span.links],
        "link_spans": [link.span_id.hex() for link in span.links],
        "link_states": [link.trace_state for link in span.links],
        "link_attributes": [plain.attributes(link.attributes) for link in span.links],
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(requests, min_size=1, max_size=2))
def test_what_is_stored_is_what_a_plain_decode_gives(
    telemetry: Telemetry, found: list[ExportTraceServiceRequest]
) -> None:
    telemetry.engine.command("TRUNCATE TABLE otel_traces")
    insert(telemetry, *found)
    assert stored(telemetry) == wanted(*found)


def test_a_kind_or_a_status_of_a_later_version(telemetry: Telemetry) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=1, kind=99)
    span.status.MergeFromString(b"\x18\x2a")
    insert(telemetry, request)
    row = telemetry.engine.query("SELECT SpanKind, StatusCode FROM otel_traces")
    assert row.to_pylist() == [{"SpanKind": "Unspecified", "StatusCode": "Unset"}]


def test_a_span_that_ends_before_it_begins_took_no_time(telemetry: Telemetry) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=FIRST_NS, end_time_unix_nano=1)
    insert(telemetry, request)
    assert telemetry.engine.query("SELECT Duration FROM otel_traces")["Duration"].to_pylist() == [0]
