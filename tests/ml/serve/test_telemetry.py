"""What the model server says of itself: a server span for each request, as a child of the caller's."""

from __future__ import annotations

import threading
from typing import cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.app.running import until
from tests.ml.serve.doors import served

from wellkept.ml.serve import telemetry as module
from wellkept.ml.serve.caller import Caller
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
    instrument = Instrument(cast("Sender", sender), stop, "host-1")

    instrument.record(served(), Caller("a", ("",), TRACE, SPAN), 0.25, rows=3)
    instrument.record(served(), Caller("b"), 0.1, rows=1)
    instrument.record(served(), Caller("c"), 0.1, 300, "no such operator", ("challenger", 17))
    until(lambda: len(sender.spans()) == 3, "all are sent")
    stop.set()

    known, alone, failed = sender.spans()
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
    instrument = Instrument(cast("Sender", Kept()), stop, "host-1")

    for _ in range(10):
        instrument.record(served(), Caller("b"), 0.1, rows=1)

    assert (len(instrument._spans), instrument.dropped) == (3, 7)
    stop.set()
