"""Rollouts: propose one, list them, show one with what was judged, stop one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wellkept.api.names import Who
from wellkept.ml.deploy.usecases import RolloutCases


class RolloutRequest(BaseModel):
    """A rollout that is asked for; ``policy`` is laid over the rollout part of the version's contract."""

    version: str = ""
    policy: dict[str, Any] = Field(default_factory=dict)
    by: Who = "operator"
    why: str = ""


class StopRequest(BaseModel):
    """Who stops a rollout, and why."""

    by: Who = "operator"
    why: str = ""


def router(rollouts: RolloutCases) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["rollouts"])

    @routes.get("/rollouts")
    def all_rollouts(model: str = "", limit: int = Query(default=20, ge=1, le=500)) -> dict[str, Any]:
        return {"rollouts": rollouts.all(model, limit)}

    @routes.get("/models/{model}/rollout")
    def show(model: str, rollout: str = "") -> dict[str, Any]:
        return {"rollout": rollouts.show(model, rollout)}

    @routes.post("/models/{model}/rollout")
    def propose(model: str, request: RolloutRequest) -> dict[str, Any]:
        return rollouts.propose(model, request.version, request.policy, request.by, request.why)

    @routes.post("/models/{model}/rollout/stop")
    def stop(model: str, request: StopRequest) -> dict[str, Any]:
        return {"rollout": rollouts.stop(model, request.by, request.why)}

    return routes
