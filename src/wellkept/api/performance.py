"""The performance of a live model: GET /api/v1/models/{model}/performance, and /labels for how its labels arrive."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from wellkept.kernel.clock import Clock
from wellkept.ml.estimate.asking import Performance


def router(performance: Performance, clock: Clock) -> APIRouter:
    """The routes; both look at the champion, by when its predictions were made."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.get("/models/{model}/performance")
    def show(model: str) -> dict[str, Any]:
        return {"performance": performance.told(model, clock.now())}

    @routes.get("/models/{model}/labels")
    def labels(model: str) -> dict[str, Any]:
        return {"labels": performance.labels(model, clock.now())}

    return routes
