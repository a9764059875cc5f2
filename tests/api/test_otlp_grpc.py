"""OTLP over gRPC as senders meet it: the codes that they act on, on a real server with a real store behind it."""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.api.test_otlp import LIMIT, SETTINGS, Sink, protobuf, stored
from tests.store.telemetry.scenes import NOON

from wellkept.api.otlp_grpc import METHODS, GrpcSettings, OtlpGrpc
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.telemetry import Telemetry

TOKEN = "the-token-of-this-test"
BEARER = f"Bearer {TOKEN}"
PATIENCE_S = 60.0
Told = tuple[grpc.StatusCode, str, "int | None"]
"""Code, message, and the seconds of ``RetryInfo``; None where there is none."""


class Sender:
    """A client of one server."""

    def __init__(self, server: OtlpGrpc, compression: grpc.Compression = grpc.Compression.NoCompression) -> None:
        assert server.address is not None
        self.server = server
        place = server.address.removeprefix("http://")
        self._channel = grpc.insecure_channel(place, [("grpc.use_local_subchannel_pool", 1)], compression)

    def export(self, body: bytes, signal: Signal = Signal.LOGS, proof: str | None = BEARER) -> bytes:
        (method,) = (name for name, of in METHODS.items() if of is signal)
        return self.call(method, body, proof)

    def call(self, method: str, body: bytes, proof: str | None = BEARER) -> bytes:
        metadata = () if proof is None else (("authorization", proof),)
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(method)
        return ask(body, metadata=metadata, timeout=PATIENCE_S)

    def refusal(self, body: bytes, signal: Signal = Signal.LOGS, proof: str | None = BEARER) -> Told:
        with pytest.raises(grpc.RpcError) as caught:
            self.export(body, signal, proof)
        return told(caught.value)

    def close(self) -> None:
        self._channel.close()


def told(error: Any) -> Told:
    """What a client reads out of a refusal; the details must agree with the code."""
    found = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    wait_s = None
    if found is not None:
        status = Status.FromString(found)
        assert (status.code, status.message) == (error.code().value[0], error.details())
        for detail in status.details:
            info = RetryInfo()
            assert detail.Unpack(info)
            wait_s = info.retry_delay.seconds
    return error.code(), error.details(), wait_s


@contextlib.contextmanager
def sending(store: Any, compression: grpc.Compression = grpc.Compression.NoCompression) -> Iterator[Sender]:
    ingest = Ingest(store, SettableClock(NOON), SETTINGS)
    server = OtlpGrpc(GrpcSettings(port=0), ingest, TOKEN)
    server.start()
    sender = Sender(server, compression)
    try:
        yield sender
    finally:
        sender.close()
        server.close()
        ingest.close()


@pytest.fixture
def sender(telemetry: Telemetry) -> Iterator[Sender]:
    with sending(telemetry) as made:
        yield made


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_what_is_acknowledged_is_stored_and_partial_success_is_unset(
    compression: grpc.Compression, telemetry: Telemetry
) -> None:
    text = "hello " * 100
    with sending(telemetry, compression) as sender:
        answer = sender.export(protobuf(text, "world"))
    assert answer == b""
    assert not ExportLogsServiceResponse.FromString(answer).HasField("partial_success")
    assert stored(telemetry) == [text, "world"]


@pytest.mark.parametrize("signal", list(Signal))
def test_an_empty_request_is_a_success(signal: Signal, sender: Sender) -> None:
    assert sender.export(b"", signal) == b""


@pytest.mark.parametrize(
    ("signal", "kind", "field"),
    [
        (Signal.METRICS, ExportMetricsServiceResponse, "rejected_data_points"),
        (Signal.LOGS, ExportLogsServiceResponse, "rejected_log_records"),
        (Signal.TRACES, ExportTraceServiceResponse, "rejected_spans"),
    ],
)
@pytest.mark.parametrize("receipt", [Receipt(1, 300, "too many series"), Receipt(1, 0, "mind your names")])
def test_what_is_stored_in_part_is_a_success_that_says_so(
    receipt: Receipt, signal: Signal, kind: Any, field: str
) -> None:
    with sending(SimpleNamespace(otlp=Sink(receipt))) as sender:
        partial = kind.FromString(sender.export(protobuf("x"), signal)).partial_success
    assert (getattr(partial, field), partial.error_message) == (receipt.rejected, receipt.reason)


@pytest.mark.parametrize("signal", list(Signal))
def test_what_is_cut_off_is_not_to_be_sent_again(signal: Signal, sender: Sender) -> None:
    code, message, wait_s = sender.refusal(protobuf("hello")[:-1], signal)
    assert (code, wait_s) == (grpc.StatusCode.INVALID_ARGUMENT, None)
    assert message.startswith(f"OTLP {signal} request: is cut off")


def test_what_is_damaged_inside_is_not_to_be_sent_again(sender: Sender) -> None:
    broken = bytearray(protobuf("hello"))
    broken[3] = 0x7F  # a length that its message does not have
    code, message, wait_s = sender.refusal(bytes(broken))
    assert (code, wait_s) == (grpc.StatusCode.INVALID_ARGUMENT, None)
    assert message.startswith("OTLP logs request: is cut off: field 2")


def test_what_is_too_large_has_no_time_to_come_again(telemetry: Telemetry) -> None:
    whole = protobuf("x" * (LIMIT - 100))
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate):
        with sending(telemetry, compression) as sender:
            assert sender.export(whole) == b""
            for size in (LIMIT + 1, 64 << 20):  # the second is a bomb where it is compressed
                code, _, wait_s = sender.refusal(protobuf("x" * size))
                assert (code, wait_s) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)


@pytest.mark.parametrize(
    ("error", "wait_s"), [(OverloadError("not now", 7), 7), (StoreError("no disk"), 1), (ValueError("surprise"), 1)]
)
def test_what_may_help_later_is_unavailable_with_a_time_to_wait(error: Exception, wait_s: int) -> None:
    with sending(SimpleNamespace(otlp=Sink(error))) as sender:
        code, message, waits = sender.refusal(protobuf("x"))
    assert (code, waits) == (grpc.StatusCode.UNAVAILABLE, wait_s)
    assert "surprise" not in message


def test_a_surprise_before_the_store_is_unavailable_too(monkeypatch: pytest.MonkeyPatch, sender: Sender) -> None:
    def surprise(*_: Any) -> None:
        raise ZeroDivisionError("division")

    monkeypatch.setattr(Ingest, "submit", surprise)
    code, message, wait_s = sender.refusal(protobuf("hello"))
    assert (code, wait_s) == (grpc.StatusCode.UNAVAILABLE, 1)
    assert "division" not in message


def test_a_long_explanation_still_fits_a_header() -> None:
    with sending(SimpleNamespace(otlp=Sink(StoreError("ä" * 100_000)))) as sender:
        code, message, _ = sender.refusal(protobuf("x"))
    assert (code, message) == (grpc.StatusCode.UNAVAILABLE, "ä" * 500)


@pytest.mark.parametrize("proof", [None, "", "Bearer", "Bearer wrong", TOKEN, "Basic AAAA"])
def test_strangers_are_told_nothing_and_not_listened_to(
    proof: str | None, sender: Sender, telemetry: Telemetry
) -> None:
    for body in (protobuf("hello"), b"\xff", protobuf("x" * LIMIT)):
        code, message, wait_s = sender.refusal(body, proof=proof)
        assert (code, wait_s) == (grpc.StatusCode.UNAUTHENTICATED, None)
        assert "authorization: Bearer <token>" in message
    assert stored(telemetry) == []


def test_the_token_may_be_a_password(sender: Sender) -> None:
    given = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    assert sender.export(protobuf("hello"), proof=f"Basic {given}") == b""


def test_other_methods_are_not_there(sender: Sender) -> None:
    for method in ("/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export", "/x/y"):
        with pytest.raises(grpc.RpcError) as caught:
            sender.call(method, b"")
        assert told(caught.value)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_many_requests_at_once_over_one_connection(sender: Sender, telemetry: Telemetry) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: sender.export(protobuf(f"{n:03}")), range(400)))
    assert set(answers) == {b""}
    assert stored(telemetry) == [f"{n:03}" for n in range(400)]
    assert sender.server.status()["stored"] == 400


def test_what_is_under_way_when_it_closes_is_answered(telemetry: Telemetry) -> None:
    with sending(telemetry) as sender, ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(sender.export, protobuf(f"{n:03}")) for n in range(8)]
        under_way[0].result(PATIENCE_S)
        sender.server.close()
        ends = [future.exception(PATIENCE_S) for future in under_way]
    acknowledged = [f"{n:03}" for n, end in enumerate(ends) if end is None]
    assert set(acknowledged) <= set(stored(telemetry))
    for end in ends:
        assert end is None or told(end)[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_a_port_that_is_taken_is_told_and_no_failure(caplog: pytest.LogCaptureFixture, telemetry: Telemetry) -> None:
    ingest = Ingest(telemetry, SettableClock(NOON), SETTINGS)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = OtlpGrpc(GrpcSettings(port=port), ingest, TOKEN)
        server.start()
    problem = server.status()["problem"]
    assert problem.startswith(f"address 127.0.0.1:{port} cannot be used: Address already in use; set ingest.grpc.port")
    assert problem in caplog.text
    assert server.address is None
    server.close()
    ingest.close()
