"""OpenTelemetry in every service: spans to the collector, until it has taken them, and log files that rotate."""

from __future__ import annotations

import logging
import logging.handlers
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from wellkept.demo.shop.settings import NAMESPACE, ShopSettings

EVERY_MS = 500
AGAIN_S = 0.5
KEPT_SPANS = 50_000
"""Spans kept while the collector is away: minutes of traffic, and not more than some tens of megabytes."""
LOG_BYTES = 1_000_000


class PatientExporter(SpanExporter):
    """The SDK's exporter gives a batch up after half a minute; this one goes on until it is taken, or has to end."""

    def __init__(self, endpoint: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._inner = OTLPSpanExporter(endpoint, headers=headers, timeout=5.0, compression=Compression.Gzip)
        self._ending, self._is_in_vain = threading.Event(), False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        while not self._is_in_vain:
            if self._inner.export(spans) is SpanExportResult.SUCCESS:
                return SpanExportResult.SUCCESS
            self._is_in_vain = self._ending.wait(AGAIN_S)
        return SpanExportResult.FAILURE

    def end(self) -> None:
        """From now on a batch that is not taken is the last that was tried."""
        self._ending.set()

    def shutdown(self) -> None:
        self.end()
        self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


@dataclass(frozen=True, slots=True)
class Traces:
    """The spans of a service. ``end`` sends the last ones."""

    provider: TracerProvider
    exporter: PatientExporter

    def end(self) -> None:
        self.exporter.end()
        self.provider.shutdown()


def traces_of(name: str, settings: ShopSettings) -> Traces:
    """The spans of a service, on their way to the collector."""
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    resource = Resource(
        {
            "service.name": name,
            "service.namespace": NAMESPACE,
            "host.id": settings.host_id,
            "host.name": socket.gethostname(),
            "process.pid": str(os.getpid()),
        }
    )
    provider = TracerProvider(resource=resource)
    exporter = PatientExporter(f"{settings.collector}/v1/traces", settings.token)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=KEPT_SPANS, schedule_delay_millis=EVERY_MS))
    return Traces(provider, exporter)


class RotatedFile(logging.handlers.RotatingFileHandler):
    """A log file that is renamed when it is full; the name says when, and every old file stays."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, maxBytes=LOG_BYTES, encoding="utf-8")
        self._count = 0

    def doRollover(self) -> None:  # noqa: N802 - the name is logging's
        self.close()
        self._count += 1
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        Path(self.baseFilename).rename(f"{self.baseFilename}.{stamp}-{self._count:04d}")
        self.stream = self._open()


def logger_for(name: str, settings: ShopSettings) -> logging.Logger:
    """The log of a service."""
    log = logging.getLogger(f"shop.{name}")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = RotatedFile(settings.log_file(name))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log
