"""OTLP over gRPC on a running server: OpenTelemetry's own exporter, a port that is taken, and a clean end."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from tests.app.running import Running, refused, running, start, until
from tests.store.fixtures import stores_in

from wellkept.api.otlp_grpc import METHODS
from wellkept.store.telemetry.otlp.writer import Signal

(LOGS,) = (method for method, of in METHODS.items() if of is Signal.LOGS)

GRPC: dict[str, Any] = {
    "WELLKEPT_INGEST__GRPC__ENABLED": "true",
    "WELLKEPT_INGEST__GRPC__PORT": "0",
    "WELLKEPT_ML__ENABLED": "false",
}


def line(text: str) -> bytes:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(time_unix_nano=time.time_ns()).body.string_value = text
    return request.SerializeToString()


def place_of(server: Running) -> str:
    return str(json.loads(server.ready)["grpc"])


def door(server: Running) -> dict[str, Any]:
    found = server.client.get("/api/v1/status")["doors"]["grpc"]
    assert isinstance(found, dict)
    return found


def test_the_exporter_of_a_program_needs_the_address_and_the_token_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path, **GRPC, WELLKEPT_AGENT__ENABLED="true") as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", place_of(server))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"Authorization=Bearer%20{server.token}")
        provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        for _ in range(100):
            provider.get_tracer("shop").start_span("pay", kind=SpanKind.SERVER).end()
        assert provider.force_flush(30_000)
        provider.shutdown()

        stored = server.client.get("/api/v1/stored", since="2026-01-01T00:00:00Z")["stored"]["answers"]
        assert stored == {"service:shop": 100}
        assert door(server)["address"] == place_of(server)
        assert door(server)["stored"] == 1
        assert server.errors() == ""
        assert_a_signal_ends_it_without_a_word_although_a_sender_is_connected(server, signal.SIGTERM)


def assert_a_signal_ends_it_without_a_word_although_a_sender_is_connected(server: Running, how: signal.Signals) -> None:
    until(lambda: server.client.get("/api/v1/agents")["agents"], "the agent, a process that the server has forked")
    proof = (("authorization", f"Bearer {server.token}"),)
    with grpc.insecure_channel(place_of(server).removeprefix("http://")) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LOGS)
        assert ask(b"", metadata=proof, timeout=60) == b""
        assert server.stop(how) == 0
    assert server.errors() == ""


def test_where_the_port_is_taken_the_rest_is_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with running(tmp_path, **{**GRPC, "WELLKEPT_INGEST__GRPC__PORT": port}) as server:
            found = door(server)
            assert found["problem"] in server.errors()
            assert json.loads(server.ready)["grpc"] is None
            with server.http() as http:
                assert http.post("/v1/logs", json={}).status_code == 200
    assert found["address"] is None
    assert found["problem"] == (
        f"address 127.0.0.1:{port} cannot be used: Address already in use; "
        "set ingest.grpc.port (0 takes any free one), or end what listens there and start again"
    )


def test_beyond_loopback_it_must_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores_in(tmp_path)
    beyond = {**GRPC, "WELLKEPT_INGEST__GRPC__HOST": "0.0.0.0"}
    code, said = refused(monkeypatch, "up", "--data", str(tmp_path), "--port", "0", **beyond)

    assert code == 3
    assert "ingest.grpc.host 0.0.0.0 is not loopback; set ingest.grpc.allow_remote to mean it" in said


def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    lock = threading.Lock()
    server = start(tmp_path, **GRPC)
    place, proof = place_of(server).removeprefix("http://"), (("authorization", f"Bearer {server.token}"),)

    def send(sender: int) -> grpc.StatusCode:
        with grpc.insecure_channel(place, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LOGS)
            for number in itertools.count():
                text = f"{sender}.{number}"
                try:
                    ask(line(text), metadata=proof, timeout=60)
                except grpc.RpcError as error:
                    return error.code()
                with lock:
                    acknowledged.add(text)
                    if len(acknowledged) >= 30:
                        server.process.kill()
        raise AssertionError

    with ThreadPoolExecutor(4) as pool:
        ends = set(pool.map(send, range(4)))
    server.stop()

    assert ends == {grpc.StatusCode.UNAVAILABLE}  # they would try again
    with running(tmp_path, **GRPC, WELLKEPT_AGENT__ENABLED="true") as again:
        found = again.client.get("/api/v1/telemetry/logs", limit=1000)["logs"]
        assert acknowledged <= {record["body"] for record in found}
        assert_a_signal_ends_it_without_a_word_although_a_sender_is_connected(again, signal.SIGINT)
