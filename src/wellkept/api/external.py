"""Runs of an external CI: the rows to train on, the files of the model, the report. Opened by the token of the run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from wellkept.api.otlp import read_body
from wellkept.api.senders import parsed
from wellkept.kernel.errors import InputError

MOST_REPORT_BYTES = 256 << 10


class Run(Protocol):
    """What is shown of a run."""

    id: str
    model: str
    state: str
    created_at: datetime
    expires_at: datetime
    body: Mapping[str, Any]
    report: Mapping[str, Any] | None


class Runs(Protocol):
    """What can be done with runs (see :mod:`wellkept.app.externaltraining`)."""

    def run(self, run_id: str) -> Any: ...

    def runs(self, model: str | None, limit: int) -> list[Any]: ...

    def training_rows(self, run_id: str) -> bytes: ...

    def keep_file(self, run_id: str, data: bytes) -> str: ...

    def report(self, run_id: str, document: Mapping[str, Any]) -> dict[str, Any]: ...


def router(runs: Runs, most_file_bytes: int) -> APIRouter:
    """Routes below ``/api/v1/external``."""
    routes = APIRouter(prefix="/api/v1/external", tags=["external training"])

    @routes.get("")
    def all_runs(model: str | None = None, limit: int = Query(default=50, ge=1, le=1000)) -> dict[str, Any]:
        return {"runs": [_shown(run) for run in runs.runs(model, limit)]}

    @routes.get("/{run}")
    def one(run: str) -> dict[str, Any]:
        return {"run": _shown(runs.run(run))}

    @routes.get("/{run}/rows")
    def rows(run: str) -> Response:
        return Response(runs.training_rows(run), media_type="application/vnd.apache.parquet")

    @routes.post("/{run}/files", status_code=201)
    async def keep(run: str, request: Request) -> dict[str, Any]:
        data = await read_body(request, "file", most_file_bytes)
        return {"digest": await run_in_threadpool(runs.keep_file, run, data)}

    @routes.post("/{run}/report")
    async def report(run: str, request: Request) -> dict[str, Any]:
        document = parsed("report", await read_body(request, "report", MOST_REPORT_BYTES))
        if not isinstance(document, dict):
            raise InputError("report", "must be an object", document)
        return await run_in_threadpool(runs.report, run, document)

    return routes


def _shown(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "model": run.model,
        "state": run.state,
        "created_at": run.created_at.isoformat(),
        "expires_at": run.expires_at.isoformat(),
        "asked": dict(run.body),
        "report": dict(run.report) if run.report else None,
    }
