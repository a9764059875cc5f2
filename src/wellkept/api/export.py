"""Stored telemetry out, as OTLP: GET /api/v1/export/metrics, /logs, /traces."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Response

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry

LONGEST = timedelta(hours=1)
"""What one answer may cover: it is put together in memory."""
MEDIA_TYPE = "application/octet-stream"


def router(telemetry: Telemetry) -> APIRouter:
    """Requests in protobuf, each behind its length in four bytes, as the OpenTelemetry Collector's file exporter
    writes them with ``format: proto`` and ``wellkept replay`` reads them.
    """
    routes = APIRouter(tags=["export"])

    @routes.get("/api/v1/export/{signal}")
    def export(signal: Signal, start: datetime, end: datetime) -> Response:
        from wellkept.ops.ingest.recording.export import framed  # all that reads recordings comes with it

        for name, moment in (("start", start), ("end", end)):
            if moment.tzinfo is None:
                raise InputError(name, "must name its time zone (such as Z)", moment.isoformat())
        if not start < end <= start + LONGEST:
            raise InputError("end", f"must be after start, by at most {LONGEST}", end.isoformat())
        return Response(framed(telemetry.raw, signal, start, end), media_type=MEDIA_TYPE)

    return routes
