"""Jobs: training runs, what they print while they run, and calling them off."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from wellkept.api.names import Who
from wellkept.ml.usecases import ModelUseCases


class CancelRequest(BaseModel):
    """Who calls a run off."""

    by: Who = "operator"


def router(models: ModelUseCases) -> APIRouter:
    """Routes below ``/api/v1/jobs``."""
    routes = APIRouter(prefix="/api/v1", tags=["jobs"])

    @routes.get("/jobs")
    def all_jobs(model: str = "", limit: int = Query(default=20, ge=1, le=200)) -> dict[str, Any]:
        return {"jobs": models.jobs(model, limit)}

    @routes.get("/jobs/{job}")
    def job(job: str) -> dict[str, Any]:
        return {"job": models.job(job)}

    @routes.get("/jobs/{job}/log")
    def log(job: str, after: int = Query(default=0, ge=0)) -> dict[str, Any]:
        return models.training.log(job, after)

    @routes.post("/jobs/{job}/cancel", status_code=202)
    def cancel(job: str, request: CancelRequest) -> dict[str, Any]:
        return {"job": models.cancel(job, request.by)}

    return routes
