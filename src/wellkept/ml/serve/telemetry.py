"""What the model server says of itself, as OTLP: server spans, and how many requests there were and how long they took.

A request costs a tuple. The spans are put together on a thread, from what those of one version have in common: the
bytes of the protobuf are laid out by hand, because building a message would take longer than scoring a row. Every
request that its caller traces is a span, and every one of a rollout; of the others an even part, where they are many.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Mapping
from functools import lru_cache

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from wellkept.ml.runtime import NAMESPACE, SERVICE
from wellkept.ml.serve.caller import Caller
from wellkept.ml.serve.meters import BOUNDS_S, Meters
from wellkept.ml.serve.served import Served
from wellkept.sdk.otlp import MetricsBatch, Sender, key_values

EVERY_S, METRICS_EVERY = 1.0, 10
"""How often spans are sent; at so many turns also how many requests there were."""
LIMIT = 50_000
UNTRACED = 100
"""Of requests that no caller traces about so many are spans each time: an even part, so shares and times stay true."""
PUT_TOGETHER, PAUSE_S = 256, 0.001
"""Spans are put together so many at a time, with a pause behind: what is done in one go holds requests up."""
_TIMES = struct.Struct("<BQBQ")
_START, _END = 0x39, 0x41
"""Keys of ``start_time_unix_nano`` (7) and ``end_time_unix_nano`` (8), both fixed64."""
_TRACE_ID, _SPAN_ID, _PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
"""Keys and lengths of ``trace_id`` (1), ``span_id`` (2) and ``parent_span_id`` (4)."""
_REPEATED_2, _REPEATED_1 = b"\x12", b"\x0a"
Arm = tuple[str, int]
"""The arm of a rollout that answered, and the bucket of the caller."""
_NO_ARM: Arm = ("", -1)
SCOPE = "wellkept.ml.serve"
FAILURE = 200
"""So many characters of what was wrong."""
DURATION = "http.server.request.duration"
Common = tuple[str, str, int, str, Arm]
Noted = tuple[Common, str, str, int, int]


class Instrument:
    """Collects spans; a thread sends them every second. Spans are a help, so beyond the limit they are dropped."""

    def __init__(self, sender: Sender, stop: threading.Event, host: str, meters: Meters) -> None:
        self._sender, self._stop, self._meters = sender, stop, meters
        self._resource: Mapping[str, str | int] = {
            "service.name": SERVICE,
            "service.namespace": NAMESPACE,
            "host.id": host,
            "host.name": socket.gethostname(),
            "process.pid": str(os.getpid()),
        }
        self._spans: list[Noted] = []
        self._untraced: list[Noted] = []
        self._lock = threading.Lock()
        self.dropped = 0
        threading.Thread(target=self._work, name="telemetry", daemon=True).start()

    def record(
        self, served: Served, caller: Caller, taken_s: float, rows: int, failure: str = "", arm: Arm = _NO_ARM
    ) -> None:
        """Note one request that was answered; ``failure`` says what was wrong on the server's side."""
        if not caller.is_sampled:
            return
        noted = self._spans if caller.trace_id or arm[0] else self._untraced
        if len(noted) < LIMIT:
            common = (served.name, served.label, rows, failure[:FAILURE], arm)
            noted.append((common, caller.trace_id, caller.span_id, time.time_ns(), int(taken_s * 1e9)))
        else:
            self.dropped += 1

    def request(self) -> bytes:
        """An export request of the spans that were collected, which are forgotten; empty where there are none."""
        with self._lock:
            spans, self._spans = self._spans, []
            untraced, self._untraced = self._untraced, []
        if not (spans := [*spans, *untraced[:: max(1, -(-len(untraced) // UNTRACED))]]):
            return b""
        random = secrets.token_bytes(24 * len(spans))
        parts: list[bytes] = []
        for index, (common, trace_id, parent_id, end, taken) in enumerate(spans):
            if index % PUT_TOGETHER == PUT_TOGETHER - 1:
                time.sleep(PAUSE_S)
            at = 24 * index
            trace = bytes.fromhex(trace_id) if trace_id else random[at + 8 : at + 24]
            parent = _PARENT_ID + bytes.fromhex(parent_id) if parent_id else b""
            times = _TIMES.pack(_START, end - taken, _END, end)
            span = b"".join((_same(common), _TRACE_ID, trace, _SPAN_ID, random[at : at + 8], parent, times))
            parts += (_REPEATED_2, _varint(len(span)), span)
        scope = ScopeSpans(scope=InstrumentationScope(name=SCOPE)).SerializeToString() + b"".join(parts)
        resource = ResourceSpans(resource=Resource(attributes=key_values(self._resource))).SerializeToString()
        block = resource + _REPEATED_2 + _varint(len(scope)) + scope
        return _REPEATED_1 + _varint(len(block)) + block

    def metrics(self) -> ExportMetricsServiceRequest:
        """How many requests there were so far and how long they took, by model, version and status."""
        batch = MetricsBatch(SCOPE, time.time_ns())
        for (model, version), one in list(self._meters.versions.items()):
            labels = {"model.name": model, "model.version": version, "http.response.status_code": "200"}
            batch.histogram(self._resource, DURATION, "s", BOUNDS_S, one.buckets, one.seconds, labels)
        for (model, version, status), count in list(self._meters.failures.items()):
            labels = {"model.name": model, "model.version": version, "http.response.status_code": status}
            batch.histogram(self._resource, DURATION, "s", (), [count], 0.0, labels)
        return batch.request

    def _work(self) -> None:
        turns = 0
        while not self._stop.wait(EVERY_S):
            turns += 1
            if request := self.request():
                self._sender.send("/v1/traces", request, give_up_after_s=5.0)
            if turns % METRICS_EVERY == 0:
                self._sender.send("/v1/metrics", self.metrics(), give_up_after_s=5.0)


@lru_cache(maxsize=10_000)
def _same(common: Common) -> bytes:
    """What spans have in common."""
    name, version, rows, failure, (arm, bucket) = common
    attributes: dict[str, str | int] = {"model.name": name, "model.version": version, "rows": rows}
    if arm:
        attributes |= {"arm": arm, "bucket": bucket}
    span = Span(name=f"infer {name}", kind=Span.SPAN_KIND_SERVER, attributes=key_values(attributes))
    if failure:
        span.status.code, span.status.message = Status.STATUS_CODE_ERROR, failure
    data: bytes = span.SerializeToString()
    return data


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
