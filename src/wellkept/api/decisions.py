"""Decisions about retraining: GET /api/v1/models/{model}/decisions, with what is left out of training."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import NotFoundError
from wellkept.ml.retrain.ledger import Ledger
from wellkept.spine.registry import Registry


def router(ledger: Ledger, registry: Registry) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.get("/models/{model}/decisions")
    def decisions(model: str, limit: int = Query(default=50, ge=1, le=1000)) -> dict[str, Any]:
        if registry.contract(model) is None:
            raise NotFoundError(f"model {model}", "is not known; `wellkept models train FOLDER` makes one")
        return {"decisions": ledger.told(model, limit), "exclusions": encode(ledger.versions(model))}

    return routes
