"""Models: list, show, train, promote, roll back; deployments and artifacts for the model server."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from wellkept.api.names import Who
from wellkept.kernel.clock import Clock
from wellkept.ml.cards import Cards
from wellkept.ml.usecases import ModelUseCases
from wellkept.store.artifacts.artifacts import Artifacts

ALONE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""A card's texts come from projects: its page runs no script, loads nothing and belongs to no origin."""


class TrainRequest(BaseModel):
    """A project folder of the server's machine."""

    project: str = Field(min_length=1)
    by: Who = "operator"
    fresh: bool = False


class MoveRequest(BaseModel):
    """A promotion or rollback that is asked for."""

    version: str = ""
    by: Who = "operator"
    why: str = ""
    unjudged: bool = False


class AliasRequest(BaseModel):
    """A move of an alias; without a version it is taken away."""

    alias: str = Field(min_length=1, max_length=60)
    version: str = ""
    by: Who = "operator"


def router(models: ModelUseCases, artifacts: Artifacts, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])
    cards = Cards(models.registry, artifacts)

    @routes.get("/models")
    def all_models() -> dict[str, Any]:
        return {"models": models.models()}

    @routes.post("/models/train", status_code=202)
    def train(request: TrainRequest) -> dict[str, Any]:
        return {"job": models.train(request.project, request.by, fresh=request.fresh)}

    @routes.get("/models/{model}")
    def show(model: str) -> dict[str, Any]:
        return models.show(model)

    @routes.get("/models/{model}/card")
    def card(model: str, version: str = "") -> dict[str, Any]:
        return {"files": {name: data.decode("utf-8") for name, data in cards.files(model, version).items()}}

    @routes.get("/models/{model}/versions/{version}/card")
    def card_page(model: str, version: str) -> Response:
        page = cards.files(model, version)["card.html"]
        return Response(page, media_type="text/html; charset=utf-8", headers=dict(ALONE))

    @routes.post("/models/{model}/promote")
    def promote(model: str, request: MoveRequest) -> dict[str, Any]:
        return dict(models.promote(model, request.version, request.by, request.why, unjudged=request.unjudged))

    @routes.post("/models/{model}/alias")
    def alias(model: str, request: AliasRequest) -> dict[str, Any]:
        return dict(models.move(model, request.alias, request.version, request.by))

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
