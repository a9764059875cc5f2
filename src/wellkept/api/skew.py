"""Training-serving skew: POST /api/v1/models/{model}/skew begins a check, whose job can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from wellkept.kernel.codec import encode
from wellkept.spine.registry import Job


def router(start: Callable[[str], Job]) -> APIRouter:
    """The route; ``start`` begins a check of a model's champion."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.post("/models/{model}/skew", status_code=202)
    def check(model: str) -> dict[str, Any]:
        return {"job": encode(start(model))}

    return routes
