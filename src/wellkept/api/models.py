"""Models: list, show, train, promote, roll back; deployments and artifacts for the model server."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from wellkept.kernel.clock import Clock
from wellkept.ml.usecases import ModelUseCases
from wellkept.store.artifacts.artifacts import Artifacts


class TrainRequest(BaseModel):
    """A project folder of the server's machine."""

    project: str = Field(min_length=1)
    by: str = "operator"


class MoveRequest(BaseModel):
    """A promotion or rollback that is asked for."""

    version: str = ""
    by: str = "operator"
    why: str = ""


def router(models: ModelUseCases, artifacts: Artifacts, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.get("/models")
    def all_models() -> dict[str, Any]:
        return {"models": models.models()}

    @routes.post("/models/train", status_code=202)
    def train(request: TrainRequest) -> dict[str, Any]:
        return {"job": models.train(request.project, request.by)}

    @routes.get("/jobs/{job}")
    def job(job: str) -> dict[str, Any]:
        return {"job": models.job(job)}

    @routes.get("/models/{model}")
    def show(model: str) -> dict[str, Any]:
        return models.show(model)

    @routes.post("/models/{model}/promote")
    def promote(model: str, request: MoveRequest) -> dict[str, Any]:
        return dict(models.promote(model, request.version, request.by, request.why))

    @routes.post("/models/{model}/rollback")
    def rollback(model: str, request: MoveRequest) -> dict[str, Any]:
        return dict(models.rollback(model, request.by, request.why))

    @routes.get("/incidents/{incident}/predictions")
    def affected(incident: str, limit: int = Query(default=1000, ge=1, le=100_000)) -> dict[str, Any]:
        return models.affected(incident, clock.now(), limit)

    @routes.get("/deployments")
    def deployments() -> dict[str, Any]:
        return {"deployments": models.deployments()}

    @routes.get("/artifacts/{digest}")
    def artifact(digest: str) -> Response:
        return Response(artifacts.get_bytes(digest), media_type="application/octet-stream")

    return routes
