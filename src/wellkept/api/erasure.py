"""POST /api/v1/predictions/forget: the predictions about an entity are deleted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from wellkept.api.names import Who
from wellkept.ml.erasure import Forgetting


class ForgetRequest(BaseModel):
    """Whom to forget, who wants it, and why."""

    model_config = ConfigDict(extra="forbid")

    entity: str
    by: Who = "operator"
    why: str = ""


def router(forgetting: Forgetting) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/v1", tags=["models"])

    @routes.post("/predictions/forget")
    def forget(request: ForgetRequest) -> dict[str, Any]:
        """Delete the predictions and labels about an entity, of all models; there is no way back."""
        return forgetting.forget(request.entity, request.by, request.why)

    return routes
