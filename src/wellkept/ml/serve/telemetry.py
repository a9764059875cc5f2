"""What the model server says of itself: one server span a request, sent as OTLP in batches."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from wellkept.ml.runtime import NAMESPACE, SERVICE
from wellkept.ml.serve.models import Served
from wellkept.sdk.otlp import Sender, key_values

EVERY_S = 1.0
LIMIT = 20_000


class Instrument:
    """Collects spans; a thread sends them every second. Spans are a help, so beyond the limit they are dropped."""

    def __init__(self, sender: Sender, stop: threading.Event, host: str) -> None:
        self._sender, self._stop = sender, stop
        self._resource: Mapping[str, str | int] = {
            "service.name": SERVICE,
            "service.namespace": NAMESPACE,
            "host.id": host,
            "host.name": socket.gethostname(),
            "process.pid": str(os.getpid()),
        }
        self._spans: list[Span] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._work, name="telemetry", daemon=True).start()

    def record(self, served: Served, trace_id: str, parent_id: str, taken_s: float, rows: int) -> None:
        """Note one request that was answered."""
        end = time.time_ns()
        span = Span(
            trace_id=bytes.fromhex(trace_id) if trace_id else secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            parent_span_id=bytes.fromhex(parent_id),
            name=f"infer {served.name}",
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=end - int(taken_s * 1e9),
            end_time_unix_nano=end,
            attributes=key_values({"model.name": served.name, "model.version": str(served.version), "rows": rows}),
        )
        with self._lock:
            if len(self._spans) < LIMIT:
                self._spans.append(span)

    def _work(self) -> None:
        while not self._stop.wait(EVERY_S):
            with self._lock:
                spans, self._spans = self._spans, []
            if spans:
                request = ExportTraceServiceRequest()
                block = request.resource_spans.add()
                block.resource.attributes.extend(key_values(self._resource))
                block.scope_spans.add().spans.extend(spans)
                self._sender.send("/v1/traces", request, give_up_after_s=5.0)
