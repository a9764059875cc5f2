"""Log records as the engine stores them, against what the official messages say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from tests.store.telemetry.otlp import plain
from tests.store.telemetry.otlp.random_requests import FIRST_NS, attributes, pairs, texts, values

from wellkept.kernel.entity import entity_of
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

RECEIVED = 1_795_000_000_123_456_000
COLUMNS = (
    "TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, ResourceSchemaUrl, ScopeSchemaUrl, "
    "ScopeName, ScopeVersion, EventName, Entity"
)
MAPS = ("ResourceAttributes", "ScopeAttributes", "LogAttributes")
_STORED = f"SELECT toUnixTimestamp64Nano(Timestamp) AS nanos, {COLUMNS}, {', '.join(MAPS)} FROM otel_logs"
records = st.builds(
    LogRecord,
    time_unix_nano=st.sampled_from([0, FIRST_NS, FIRST_NS + 999_999_999]),
    observed_time_unix_nano=st.sampled_from([0, FIRST_NS + 1]),
    severity_number=st.sampled_from([0, 1, 9, 17, 24]),
    severity_text=texts,
    body=values,
    attributes=attributes,
    flags=st.sampled_from([0, 1, 255, 257]),
    trace_id=st.sampled_from([b"", b"\x01\xab" * 8]),
    span_id=st.sampled_from([b"", b"\xff\x00" * 4]),
    event_name=texts,
)
scopes = st.builds(InstrumentationScope, name=texts, version=texts, attributes=attributes)
blocks = st.builds(
    ResourceLogs,
    resource=st.builds(Resource, attributes=attributes),
    scope_logs=st.lists(
        st.builds(ScopeLogs, scope=scopes, log_records=st.lists(records, max_size=3), schema_url=texts), max_size=2
    ),
    schema_url=texts,
)
requests = st.builds(ExportLogsServiceRequest, resource_logs=st.lists(blocks, max_size=3))


def insert(telemetry: Telemetry, *found: ExportLogsServiceRequest) -> None:
    telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString() for request in found], RECEIVED)


def stored(telemetry: Telemetry) -> list[dict[str, Any]]:
    rows = telemetry.engine.query(_STORED).to_pylist()
    for row in rows:
        row |= {name: {key: plain.parsed(value) for key, value in row[name]} for name in MAPS}
        row["Body"] = plain.parsed(row["Body"])
    return plain.in_order(rows)


def wanted(*found: ExportLogsServiceRequest) -> list[dict[str, Any]]:
    rows = [
        _row(block, scope, record)
        for request in found
        for block in request.resource_logs
        for scope in block.scope_logs
        for record in scope.log_records
    ]
    return plain.in_order(rows)


def _row(block: ResourceLogs, scope: ScopeLogs, record: LogRecord) -> dict[str, Any]:
    resource = {pair.key: plain.text(pair.value) for pair in block.resource.attributes}
    own = {pair.key: plain.text(pair.value) for pair in record.attributes}
    return {
        "nanos": record.time_unix_nano or record.observed_time_unix_nano or RECEIVED,
        "TraceId": record.trace_id.hex(),
        "SpanId": record.span_id.hex(),
        "TraceFlags": record.flags & 255,
        "SeverityText": record.severity_text,
        "SeverityNumber": record.severity_number,
        "ServiceName": resource.get("service.name", ""),
        "Body": plain.parsed(plain.text(record.body)),
        "ResourceSchemaUrl": block.schema_url,
        "ScopeSchemaUrl": scope.schema_url,
        "ScopeName": scope.scope.name,
        "ScopeVersion": scope.scope.version,
        "EventName": record.event_name,
        "Entity": entity_of(resource, own),
        "ResourceAttributes": plain.attributes(block.resource.attributes),
        "ScopeAttributes": plain.attributes(scope.scope.attributes),
        "LogAttributes": plain.attributes(record.attributes),
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(requests, min_size=1, max_size=2))
def test_what_is_stored_is_what_a_plain_decode_gives(
    telemetry: Telemetry, found: list[ExportLogsServiceRequest]
) -> None:
    telemetry.engine.command("TRUNCATE TABLE otel_logs")
    insert(telemetry, *found)
    assert stored(telemetry) == wanted(*found)


DEEP = AnyValue(int_value=1)
for _ in range(8):
    DEEP = AnyValue(kvlist_value=KeyValueList(values=pairs({"in": AnyValue(array_value=ArrayValue(values=[DEEP]))})))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (AnyValue(), ""),
        (AnyValue(string_value="a \0 text\twith 'quotes'"), "a \0 text\twith 'quotes'"),
        (AnyValue(string_value='["not parsed"'), '["not parsed"'),
        (AnyValue(bool_value=False), "false"),
        (AnyValue(int_value=-(2**63)), str(-(2**63))),
        (AnyValue(double_value=0.1), "0.1"),
        (AnyValue(double_value=float("nan")), "nan"),
        (AnyValue(bytes_value=b"\x00\xff"), "00ff"),
        (AnyValue(array_value=ArrayValue()), ""),
        (
            AnyValue(
                array_value=ArrayValue(
                    values=[
                        AnyValue(string_value='"'),
                        AnyValue(int_value=7),
                        AnyValue(double_value=0.5),
                        AnyValue(double_value=float("inf")),
                        AnyValue(bool_value=True),
                        AnyValue(bytes_value=b"\x0a"),
                        AnyValue(),
                    ]
                )
            ),
            '["\\"",7,0.5,null,true,"0a",null]',
        ),
        (AnyValue(kvlist_value=KeyValueList()), "{}"),
        (
            AnyValue(kvlist_value=KeyValueList(values=pairs({"a": AnyValue(int_value=1), "b": AnyValue()}))),
            '{"a":1,"b":null}',
        ),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(array_value=ArrayValue())])), "[[]]"),
        (DEEP, '{"in":[' * 8 + "1" + "]}" * 8),
    ],
)
def test_every_kind_of_value(telemetry: Telemetry, body: AnyValue, text: str) -> None:
    request = ExportLogsServiceRequest()
    block = request.resource_logs.add()
    block.resource.attributes.extend(pairs({"thing": body}))
    block.scope_logs.add().log_records.add(time_unix_nano=1, body=body).attributes.extend(pairs({"thing": body}))
    insert(telemetry, request)
    row = telemetry.engine.query(
        "SELECT Body, LogAttributes['thing'] AS a, ResourceAttributes['thing'] AS r FROM otel_logs"
    )
    assert row.to_pylist() == [{"Body": text, "a": text, "r": text}]


def test_text_that_is_no_unicode_is_stored_with_marks(telemetry: Telemetry) -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1).body.string_value = "XX"
    body = request.SerializeToString().replace(b"XX", b"\xff\xfe")
    telemetry.otlp.insert(Signal.LOGS, [body], RECEIVED)
    assert telemetry.engine.query("SELECT Body FROM otel_logs")["Body"].to_pylist() == ["\ufffd"]


def test_a_severity_out_of_range_is_brought_into_it(telemetry: Telemetry) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in (-5, 25, 2**31 - 1):
        records.add(time_unix_nano=1, severity_number=number)
    insert(telemetry, request)
    rows = telemetry.engine.query("SELECT SeverityNumber AS n FROM otel_logs ORDER BY n")
    assert rows["n"].to_pylist() == [0, 24, 24]


@pytest.mark.parametrize("nanos", [1, 2**63, 2**64 - 1])
def test_a_time_that_no_calendar_of_ours_holds_is_not_lost(telemetry: Telemetry, nanos: int) -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=nanos).body.string_value = "here"
    insert(telemetry, request)
    assert telemetry.engine.query("SELECT Body FROM otel_logs")["Body"].to_pylist() == ["here"]
