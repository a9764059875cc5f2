"""The predictions that a model made while an incident lasted, as CSV."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from wellkept.kernel.errors import NotFoundError, WellkeptError
from wellkept.web.answers import feature_names
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.render import SECURITY
from wellkept.web.views.affected import lasting

COLUMNS = ("id", "time", "version", "score", "label", "decision", "entity_key", "trace_id", "latency_ms")
_TEXT = ("id", "version", "decision", "entity_key", "trace_id")


def predictions(
    deps: WebDeps, readings: Readings, failed: Callable[[Request, WellkeptError], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint."""

    def answer(incident_id: str, model: str) -> Response:
        incident = deps.stream.incident(incident_id)
        if incident is None:
            raise NotFoundError(f"incident {incident_id}", "is not known")
        if model not in deps.registry.models():
            raise NotFoundError(f"model {model}", "is not known")
        start, end = lasting(incident, deps.clock.now())
        body = to_csv(readings.predictions(model, start, end))
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{incident_id}-{model}.csv")
        headers = {**SECURITY, "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Response(body, headers=headers, media_type="text/csv; charset=utf-8")

    async def endpoint(request: Request) -> Response:
        try:
            return await run_in_threadpool(answer, request.path_params["incident"], request.path_params["model"])
        except WellkeptError as error:
            return failed(request, error)

    return endpoint


def to_csv(rows: pa.Table) -> bytes:
    """Predictions as CSV, one column for each feature; an empty field is a value that was not there."""
    columns = {name: _harmless(rows[name]) if name in _TEXT else rows[name] for name in COLUMNS}
    for name in feature_names(rows["features"]):
        columns[f"feature.{name}"] = pc.map_lookup(rows["features"], name, "first")
    sink = pa.BufferOutputStream()
    pacsv.write_csv(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text that no spreadsheet takes for a formula."""
    return pc.replace_substring_regex(column.cast(pa.string()), r"^([=+\-@\t\r])", r"'\1")
