"""What the model server says of itself: a server span for each request, as a child of the caller's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.app.running import until
from tests.ml.serve.doors import served

from wellkept.ml.serve import telemetry as module
from wellkept.ml.serve.caller import Caller, caller_of
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.telemetry import Instrument
from wellkept.sdk.otlp import Sender

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Kept:
    """Stands for the sender: keeps what it is given."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []

    def send(self, path: str, request: bytes, **_: float) -> bool:
        self.requests.append((path, ExportTraceServiceRequest.FromString(request)))
        return True

    def spans(self) -> list[Span]:
        return [
            span
            for _, request in self.requests
            for block in request.resource_spans
            for scope in block.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def test_a_request_is_a_server_span_below_the_callers(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    sender = Kept()
    instrument = Instrument(cast("Sender", sender), stop, "host-1", Meters())

    instrument.record(served(), Caller("a", ("",), TRACE, SPAN), 0.25, rows=3)
    instrument.record(served(), Caller("b"), 0.1, rows=1)
    instrument.record(served(), Caller("c"), 0.1, 300, "no such operator", ("challenger", 17))
    until(lambda: len(sender.spans()) == 3, "all are sent")
    stop.set()

    (known,) = (span for span in sender.spans() if span.parent_span_id)
    (failed,) = (span for span in sender.spans() if span.status.code)
    (alone,) = (span for span in sender.spans() if span not in (known, failed))
    assert (known.trace_id.hex(), known.parent_span_id.hex()) == (TRACE, SPAN)
    assert (known.kind, known.name) == (Span.SPAN_KIND_SERVER, "infer fraud")
    assert known.end_time_unix_nano - known.start_time_unix_nano == 250_000_000
    assert {pair.key: pair.value.string_value or pair.value.int_value for pair in known.attributes} == {
        "model.name": "fraud",
        "model.version": "7",
        "rows": 3,
    }
    assert len(alone.trace_id) == 16
    assert alone.parent_span_id == b""
    assert (failed.status.code, failed.status.message) == (Status.STATUS_CODE_ERROR, "no such operator")
    found = {pair.key: pair.value.string_value or pair.value.int_value for pair in failed.attributes}
    assert (found["arm"], found["bucket"]) == ("challenger", 17)
    assert len({span.span_id for span in (known, alone, failed)}) == 3
    path, request = sender.requests[0]
    resource = {pair.key: pair.value.string_value for pair in request.resource_spans[0].resource.attributes}
    assert path == "/v1/traces"
    assert (resource["service.name"], resource["host.id"]) == ("model-server", "host-1")


def test_spans_that_cannot_be_sent_in_time_are_bounded(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 3)
    monkeypatch.setattr(module, "EVERY_S", 3600.0)
    instrument = Instrument(cast("Sender", Kept()), stop, "host-1", Meters())

    for _ in range(10):
        instrument.record(served(), Caller("b"), 0.1, rows=1)

    assert (len(instrument._untraced), instrument.dropped) == (3, 7)
    stop.set()


@pytest.fixture
def idle(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instrument]:
    """One that sends nothing by itself."""
    monkeypatch.setattr(module, "EVERY_S", 3600.0)
    yield Instrument(cast("Sender", Kept()), stop, "host-1", Meters())
    stop.set()


def spans_of(request: bytes) -> list[Span]:
    blocks = ExportTraceServiceRequest.FromString(request).resource_spans
    return [span for block in blocks for scope in block.scope_spans for span in scope.spans]


def test_of_very_many_requests_that_nobody_traces_an_even_part_are_spans(idle: Instrument) -> None:
    for number in range(1000):
        idle.record(served(), Caller("a"), number / 1000, rows=1)
    idle.record(served(), Caller("b", ("",), TRACE, SPAN), 0.1, rows=1)
    idle.record(served(), Caller("c"), 0.1, 1, arm=("challenger", 17))

    traced, arm, *others = spans_of(idle.request())

    assert traced.trace_id.hex() == TRACE
    assert "arm" in {pair.key for pair in arm.attributes}
    assert len(others) == 100
    taken = [(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 for span in others]
    assert sum(taken) / len(taken) == pytest.approx(0.5, abs=0.01)


def test_what_the_caller_does_not_trace_is_no_span(idle: Instrument) -> None:
    idle.record(served(), caller_of(f"00-{TRACE}-{SPAN}-00", None, 1), 0.1, rows=1)
    assert idle.request() == b""
    idle.record(served(), caller_of(f"00-{TRACE}-{SPAN}-01", None, 1), 0.1, rows=1)
    assert [span.trace_id.hex() for span in spans_of(idle.request())] == [TRACE]


def test_all_requests_are_counted_whether_they_are_spans_or_not(stop: threading.Event) -> None:
    meters = Meters()
    instrument = Instrument(cast("Sender", Kept()), stop, "host-1", meters)
    for taken_s in (0.0004, 0.003, 20.0):
        meters.answered("fraud", "7", 1, taken_s)
    meters.failed("fraud", "7", 503)

    (scope,) = instrument.metrics().resource_metrics[0].scope_metrics
    (metric,) = scope.metrics
    answered, failed = metric.histogram.data_points

    assert (metric.name, metric.unit) == ("http.server.request.duration", "s")
    assert answered.count == 3
    assert answered.sum == pytest.approx(20.0034)
    assert len(answered.bucket_counts) == len(answered.explicit_bounds) + 1
    assert failed.count == 1
    assert {pair.key: pair.value.string_value for pair in failed.attributes}["http.response.status_code"] == "503"
    stop.set()
