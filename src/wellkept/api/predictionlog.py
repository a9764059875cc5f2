"""Logged predictions for programs: GET /api/v1/models/{model}/predictions, an Arrow stream, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Query
from starlette.responses import Response

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.predictions import Predictions

ARROW = "application/vnd.apache.arrow.stream"
NEXT = "next"
"""The key of the stream's metadata, and the header, that hold the start of the next page; without it there is none."""


def router(predictions: Predictions, clock: Clock) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.get("/models/{model}/predictions")
    def logged(
        model: str, start: datetime, end: datetime, limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000
    ) -> Response:
        """Predictions made in ``[start, end)``, by time, with the newest label of each that is known by now."""
        for name, moment in (("start", start), ("end", end)):
            if moment.tzinfo is None:
                raise InputError(name, "must name its time zone (such as Z)", moment.isoformat())
        rows, following = predictions.page(model, start, end, limit, known_by=clock.now())
        headers = {"Wellkept-Next": following.isoformat()} if following else {}
        metadata = {NEXT: following.isoformat()} if following else {}
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema.with_metadata(metadata)) as writer:
            writer.write_table(rows.replace_schema_metadata(metadata))
        return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=headers)

    return routes
