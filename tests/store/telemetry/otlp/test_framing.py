"""What is cut off or damaged is refused before it can touch its neighbours."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.store.telemetry.otlp.random_requests import FIRST_NS

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.otlp.framing import check
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

SIGNALS = tuple(Signal)
NUMBERS = itertools.count()
COUNTS = {
    Signal.METRICS: """SELECT count() AS n FROM metric_points FINAL
        WHERE series IN (SELECT series FROM metric_series WHERE name = {mark:String})""",
    Signal.LOGS: "SELECT count() AS n FROM otel_logs WHERE Body = {mark:String}",
    Signal.TRACES: "SELECT count() AS n FROM otel_traces WHERE SpanName = {mark:String}",
}
REQUESTS: dict[Signal, Any] = {
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.TRACES: ExportTraceServiceRequest,
}


def body(signal: Signal, mark: str, count: int = 1, first: int = 0) -> bytes:
    """A request with that many records named ``mark``, each with a resource of its own."""
    numbers = range(first, first + count)
    if signal is Signal.METRICS:
        metrics = ExportMetricsServiceRequest()
        for index in numbers:
            block = metrics.resource_metrics.add()
            block.resource.attributes.add(key="host.id").value.string_value = f"h{index}"
            metric = block.scope_metrics.add().metrics.add(name=mark, unit="By")
            metric.gauge.data_points.add(time_unix_nano=FIRST_NS + index, as_int=index)
        return metrics.SerializeToString()
    if signal is Signal.LOGS:
        logs = ExportLogsServiceRequest()
        for index in numbers:
            lines = logs.resource_logs.add()
            lines.resource.attributes.add(key="host.id").value.string_value = f"h{index}"
            lines.scope_logs.add().log_records.add(time_unix_nano=FIRST_NS).body.string_value = mark
        return logs.SerializeToString()
    traces = ExportTraceServiceRequest()
    for index in numbers:
        spans = traces.resource_spans.add()
        spans.resource.attributes.add(key="host.id").value.string_value = f"h{index}"
        spans.scope_spans.add().spans.add(start_time_unix_nano=FIRST_NS, name=mark, trace_id=b"t" * 16)
    return traces.SerializeToString()


def count(telemetry: Telemetry, signal: Signal, mark: str) -> int:
    return int(telemetry.engine.query(COUNTS[signal], {"mark": mark})["n"][0].as_py())


@pytest.mark.parametrize("signal", SIGNALS)
def test_cut_off_at_every_byte_it_is_refused_or_whole_up_to_there(signal: Signal) -> None:
    whole = body(signal, "mark", 3)
    ends = {len(body(signal, "mark", index)) for index in range(4)}
    for end in range(len(whole) + 1):
        if end in ends:  # the cut is between two resources: what is left is a request that says less
            check(signal, whole[:end])
            continue
        with pytest.raises(InputError) as refused:
            check(signal, whole[:end])
        assert refused.value.thing == f"OTLP {signal} request"
        assert refused.value.rule.startswith("is cut off")


@pytest.mark.parametrize(
    ("bytes_", "rule"),
    [
        (b"\x08\x01", "must hold messages in its field 1"),
        (b"\x12\x00", "holds nothing of this signal"),
        (b"\x0b", "has an unknown wire type at byte 1"),
        (b"\x0f", "has an unknown wire type at byte 1"),
        (b"\xff" * 11, "is cut off inside a number"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "is cut off"),
        (b'{"resourceMetrics":[]}', "has an unknown wire type"),
        (b"<html></html>", "has an unknown wire type"),
    ],
)
def test_what_is_no_request_is_named(bytes_: bytes, rule: str) -> None:
    with pytest.raises(InputError, match=r"OTLP metrics request") as refused:
        check("metrics", bytes_)
    assert refused.value.rule.startswith(rule)


@given(st.binary(max_size=60))
def test_noise_is_refused_or_passes_and_never_crashes(noise: bytes) -> None:
    with contextlib.suppress(InputError):
        check("metrics", noise)


@pytest.mark.parametrize("signal", SIGNALS)
def test_several_bodies_are_one(telemetry: Telemetry, signal: Signal) -> None:
    telemetry.otlp.insert(signal, [body(signal, f"mark{index}", index) for index in range(5)], FIRST_NS)
    assert [count(telemetry, signal, f"mark{index}") for index in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("signal", SIGNALS)
def test_unknown_fields_are_passed_over(telemetry: Telemetry, signal: Signal) -> None:
    """A field of a later version, of every wire type and at every level, changes nothing of the rest."""
    unknown = b"\xa0\x06\x01" + b"\xa1\x06" + b"8bytes.." + b"\xa2\x06\x03abc" + b"\xa5\x06" + b"4byt"
    request = REQUESTS[signal].FromString(body(signal, "mark"))
    block = (*request.ListFields()[0][1],)[0]
    inner = (*block.ListFields()[1][1],)[0]
    for message in (inner, block, request):
        message.MergeFromString(unknown)
    sent = request.SerializeToString()
    assert sent.count(unknown) == 3
    check(signal, sent)
    telemetry.otlp.insert(signal, [sent, body(signal, "mark")], FIRST_NS)
    assert count(telemetry, signal, "mark") >= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), signal=st.sampled_from(SIGNALS))
def test_a_damaged_body_never_harms_its_neighbours(telemetry: Telemetry, data: st.DataObject, signal: Signal) -> None:
    """Either the group is refused as the sender's fault, and nothing of it is kept, or the neighbours are whole."""
    damaged = bytearray(body(signal, "damaged", 2))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    mark = f"mark{next(NUMBERS)}"
    group = [body(signal, mark, 2), bytes(damaged), body(signal, mark, 3, first=2)]
    try:
        for one in group:
            check(signal, one)
        telemetry.otlp.insert(signal, group, FIRST_NS)
        expected = 5
    except InputError:
        expected = 0
    assert count(telemetry, signal, mark) == expected


@pytest.mark.parametrize(
    "length", [b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x08"]
)
@pytest.mark.parametrize("signal", SIGNALS)
def test_a_length_of_gigabytes_is_not_believed(telemetry: Telemetry, signal: Signal, length: bytes) -> None:
    inside = b"\x0a" + length + b"x"
    for _ in range(2):
        inside = b"\x12" + bytes([len(inside)]) + inside
    lie = b"\x0a" + bytes([len(inside)]) + inside
    check(signal, lie)
    with pytest.raises(InputError, match=f"OTLP {signal} request"):
        telemetry.otlp.insert(signal, [lie], FIRST_NS)


def test_a_body_of_too_many_days_is_the_senders_fault(telemetry: Telemetry) -> None:
    """Each day is a part of its own; a request over hundreds of days would be retried for ever as an overload."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for day in range(600):
        records.add(time_unix_nano=(20_000 + day) * 86_400 * 10**9)
    with pytest.raises(InputError, match=r"OTLP logs request: must not be of so many different days"):
        telemetry.otlp.insert(Signal.LOGS, [request.SerializeToString()], FIRST_NS)


def test_nothing_at_all_is_stored_as_nothing(telemetry: Telemetry) -> None:
    for signal in SIGNALS:
        telemetry.otlp.insert(signal, [], FIRST_NS)
        telemetry.otlp.insert(signal, [b""], FIRST_NS)
        telemetry.otlp.insert(signal, [b"\x0a\x00"], FIRST_NS)
    assert telemetry.engine.query("SELECT count() AS n FROM otel_logs")["n"].to_pylist() == [0]
