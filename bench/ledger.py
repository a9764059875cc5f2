"""Senders that keep a ledger: what each sent, and what was acknowledged to it. They try again as real clients do."""

from __future__ import annotations

import collections
import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import grpc
from bench.once import Kind
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

OK = "ok"
PAUSE_S = 0.05
"""Before a request is tried again; short, for the time of a restart is measured by it."""
PATIENCE_S = 30.0
_RPCS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "/v1/metrics": (
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        ExportMetricsServiceResponse.FromString,
    ),
    "/v1/logs": ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", ExportLogsServiceResponse.FromString),
    "/v1/traces": (
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        ExportTraceServiceResponse.FromString,
    ),
}


class Ledger:
    """What senders were told. Safe to use from several threads."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        """Of each sender: so many requests, from the first one on, are acknowledged."""
        self.answers: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._since = 0.0
        self._acknowledged_at = 0.0
        self._is_answered = threading.Event()

    def expect(self) -> None:
        """Wait for the acknowledgement of a request that is sent from now on."""
        with self._lock:
            self._since = time.monotonic()
            self._is_answered.clear()

    def answered_at(self, patience_s: float) -> float | None:
        """The moment of the acknowledgement that is expected; None where there is none in time."""
        return self._acknowledged_at if self._is_answered.wait(patience_s) else None

    def note(self, sender: str, answer: str, sent_at: float) -> None:
        with self._lock:
            self.answers[answer] += 1
            if answer != OK:
                return
            self.acknowledged[sender] = self.acknowledged.get(sender, 0) + 1
            if sent_at >= self._since and not self._is_answered.is_set():
                self._acknowledged_at = time.monotonic()
                self._is_answered.set()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the doors are, and what proves who sends."""

    http: str
    grpc: str
    token: str


@dataclass(frozen=True, slots=True)
class Sender:
    """One connection that sends request after request, each after the answer to the one before.

    What was not acknowledged is sent again, the same bytes, until it is.
    """

    kind: Kind
    name: str
    is_grpc: bool = False

    def run(self, place: Place, base_ms: int, ledger: Ledger, stop: threading.Event) -> None:
        """Send until told to stop; what is not acknowledged by then is given up."""
        door: HttpDoor | GrpcDoor = GrpcDoor(self.kind, place) if self.is_grpc else HttpDoor(self.kind, place)
        number = 0
        with contextlib.closing(door):
            while not stop.is_set():
                body = self.kind.make(self.name, number, base_ms)
                sent_at = time.monotonic()
                answer = door.post(body)
                ledger.note(self.name, answer, sent_at)
                if answer == OK:
                    number += 1
                else:
                    stop.wait(PAUSE_S)


class HttpDoor:
    """Posts over a connection that is kept, and made anew after it broke."""

    def __init__(self, kind: Kind, place: Place) -> None:
        parts = urlsplit(place.http)
        self._path, self._headers = kind.path, {**kind.headers, "Authorization": f"Bearer {place.token}"}
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)

    def post(self, body: bytes) -> str:
        """``OK``, or why it is not acknowledged."""
        try:
            self._connection.request("POST", self._path, body, self._headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return "refused" if isinstance(error, ConnectionRefusedError) else "none"
        if answer.status in (200, 204) and not said:
            return OK
        return f"{answer.status} {said[:200]!r}"

    def close(self) -> None:
        self._connection.close()


class GrpcDoor:
    """Calls ``Export`` over one channel."""

    def __init__(self, kind: Kind, place: Place) -> None:
        method, self._read = _RPCS[kind.path]
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100),
                   ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50)]  # fmt: skip
        self._channel = grpc.insecure_channel(place.grpc.removeprefix("http://"), options)
        self._ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(method)
        self._proof = (("authorization", f"Bearer {place.token}"),)

    def post(self, body: bytes) -> str:
        """``OK``, or why it is not acknowledged."""
        try:
            said = self._ask(body, metadata=self._proof, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            return str(error.code().name)
        return f"grpc {self._read(said)}" if said else OK

    def close(self) -> None:
        self._channel.close()
