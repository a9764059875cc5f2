"""OTLP JSON: the traps of its encoding, and that every mistake names its field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from tests.store.telemetry.otlp.plain import points
from tests.store.telemetry.otlp.random_requests import metrics_requests

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.otlp.json_request import to_protobuf


def encoded(signal: str, value: Any) -> bytes:
    return to_protobuf(signal, json.dumps(value).encode())


def a_span(**fields: Any) -> Span:
    body = encoded("traces", {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]})
    return ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0]


def a_record(**fields: Any) -> Any:
    body = encoded("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [fields]}]}]})
    return ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records[0]


def a_value(value: Any) -> Any:
    return a_record(body=value).body


@settings(max_examples=60, deadline=None)
@given(metrics_requests())
def test_the_official_encoding_of_metrics_means_the_same(request_: ExportMetricsServiceRequest) -> None:
    found = ExportMetricsServiceRequest.FromString(
        encoded("metrics", MessageToDict(request_, use_integers_for_enums=True))
    )
    assert points(found, 0) == points(request_, 0)


def test_ids_are_hexadecimal() -> None:
    span = a_span(traceId="5B8EFFF798038103D269B633813FC60C", spanId="eee19b7ec3c1b174", parentSpanId="")
    assert span.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert span.span_id.hex() == "eee19b7ec3c1b174"
    assert span.parent_span_id == b""


def test_sixty_four_bits_are_a_number_or_a_text() -> None:
    assert a_span(startTimeUnixNano=1790000000000000001).start_time_unix_nano == 1790000000000000001
    assert a_span(startTimeUnixNano="1790000000000000001").start_time_unix_nano == 1790000000000000001
    assert a_value({"intValue": "-9223372036854775808"}).int_value == -(2**63)
    assert a_value({"intValue": 5}).int_value == 5
    assert a_value({"intValue": 5.0}).int_value == 5


def test_doubles() -> None:
    for given_, wanted in ((1, 1.0), (0.1, 0.1), ("1.5", 1.5), ("-1e3", -1000.0), ("Infinity", float("inf"))):
        assert a_value({"doubleValue": given_}).double_value == wanted
    assert str(a_value({"doubleValue": "NaN"}).double_value) == "nan"


@pytest.mark.parametrize("text", ["AP8=", "AP8", "-_8=", "+/8="])
def test_bytes_are_base64_of_either_alphabet(text: str) -> None:
    assert a_value({"bytesValue": text}).bytes_value in (b"\x00\xff", b"\xfb\xff")


def test_values_may_be_nested() -> None:
    value = a_value(
        {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"boolValue": True}]}}}]}}
    )
    pair = value.kvlist_value.values[0]
    assert pair.key == "a"
    assert pair.value.array_value.values[0].bool_value is True


def test_what_is_not_set_stays_unset() -> None:
    assert a_value({}).WhichOneof("value") is None
    assert a_value({"stringValue": None}).WhichOneof("value") is None
    assert a_value({"stringValue": ""}).WhichOneof("value") == "string_value"
    assert a_value({"intValue": 0}).WhichOneof("value") == "int_value"


def test_enumerations_are_integers() -> None:
    assert a_span(kind=2, status={"code": 2}).kind == Span.SPAN_KIND_SERVER
    assert a_span(kind=2, status={"code": 2}).status.code == 2


def test_what_is_not_known_is_passed_over() -> None:
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x", "futureField": {"deep": [1, 2]}}]}]}], "y": 1}
    wanted = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(name="x")])])])
    assert ExportTraceServiceRequest.FromString(encoded("traces", request)) == wanted


def test_names_of_fields_are_in_camel_case_only() -> None:
    assert encoded("traces", {"resource_spans": [{"scope_spans": []}]}) == b""


@pytest.mark.parametrize("body", [b"", b"{}", b'{"resourceMetrics": []}', b'{"resourceMetrics": null}'])
def test_an_empty_request(body: bytes) -> None:
    assert to_protobuf("metrics", body) == b""


PLACE = "OTLP traces request.resourceSpans[0].scopeSpans[0].spans[0]"


@pytest.mark.parametrize(
    ("fields", "thing", "rule"),
    [
        ({"traceId": "xyz"}, "traceId", "must be a hexadecimal text"),
        ({"traceId": "abc"}, "traceId", "must be a hexadecimal text"),
        ({"traceId": "ab cd"}, "traceId", "must be a hexadecimal text"),
        ({"traceId": 5}, "traceId", "must be a hexadecimal text"),
        ({"name": 5}, "name", "must be a text"),
        ({"kind": "SPAN_KIND_SERVER"}, "kind", "must be an integer"),
        ({"kind": "2"}, "kind", "must be an integer"),
        ({"kind": 2.5}, "kind", "must be an integer"),
        ({"kind": True}, "kind", "must be an integer"),
        ({"kind": 2**31}, "kind", "must fit int32"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano", "must fit fixed64"),
        ({"startTimeUnixNano": str(2**64)}, "startTimeUnixNano", "must fit fixed64"),
        ({"startTimeUnixNano": "1_000"}, "startTimeUnixNano", "must be an integer, or a text of one"),
        ({"startTimeUnixNano": " 1"}, "startTimeUnixNano", "must be an integer, or a text of one"),
        ({"startTimeUnixNano": "9" * 5000}, "startTimeUnixNano", "must be an integer, or a text of one"),
        ({"startTimeUnixNano": [1]}, "startTimeUnixNano", "must be an integer"),
        ({"status": []}, "status", "must be an object"),
        ({"status": {"code": "x"}}, "status.code", "must be an integer"),
        ({"attributes": {}}, "attributes", "must be a list"),
        ({"attributes": [None]}, "attributes[0]", "must be an object"),
        ({"attributes": [{"key": 1}]}, "attributes[0].key", "must be a text"),
        ({"attributes": [{"value": "x"}]}, "attributes[0].value", "must be an object"),
        (
            {"attributes": [{"value": {"boolValue": "true"}}]},
            "attributes[0].value.boolValue",
            "must be true or false",
        ),
        (
            {"attributes": [{}, {"value": {"doubleValue": "fast"}}]},
            "attributes[1].value.doubleValue",
            "must be a number",
        ),
        (
            {"attributes": [{"value": {"doubleValue": 10**400}}]},
            "attributes[0].value.doubleValue",
            "must be JSON",
        ),
        (
            {"attributes": [{"value": {"bytesValue": "?"}}]},
            "attributes[0].value.bytesValue",
            "must be a base64 text",
        ),
        (
            {"attributes": [{"value": {"arrayValue": {"values": [{"kvlistValue": {"values": 1}}]}}}]},
            "attributes[0].value.arrayValue.values[0].kvlistValue.values",
            "must be a list",
        ),
        ({"events": [{"name": []}]}, "events[0].name", "must be a text"),
    ],
)
def test_a_wrong_type_names_the_field_and_the_rule(fields: dict[str, Any], thing: str, rule: str) -> None:
    with pytest.raises(InputError) as refused:
        a_span(**fields)
    if not rule.startswith("must be JSON"):
        assert refused.value.thing == f"{PLACE}.{thing}"
    assert refused.value.rule.startswith(rule)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nonsense", b'{"a": 1} trailing', b"\x0a\x02\x12\x00", b"["])
def test_what_is_no_json_says_where(body: bytes) -> None:
    with pytest.raises(InputError, match=r"OTLP logs request: must be JSON: .* at character"):
        to_protobuf("logs", body)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null", b"true"])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(InputError, match=r"OTLP logs request: must be an object"):
        to_protobuf("logs", body)


def test_nesting_has_an_end() -> None:
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(100):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(InputError, match="must not be nested deeper than 60 levels"):
        a_value(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceLogs", "scopeLogs", "logRecords", "body", "stringValue", "attributes", "traceId"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_translated_or_refused_with_a_reason(value: Any) -> None:
    try:
        body = encoded("logs", value)
    except InputError as error:
        assert error.thing.startswith("OTLP logs request")  # noqa: PT017 - it need not be raised
    else:
        ExportLogsServiceRequest.FromString(body)
