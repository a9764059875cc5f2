"""What became of the versions of an MLflow registry: ``GET /api/v1/mlflow``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from wellkept.kernel.errors import NotFoundError
from wellkept.ml.importing.follow import Follower


def router(follower: Follower | None) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.get("/mlflow")
    def followed() -> dict[str, Any]:
        if follower is None:
            raise NotFoundError("mlflow", "is switched off; set mlflow.mode to managed or url")
        return {"versions": [{**job.details, "state": job.state} for job in follower.followed()]}

    return routes
