"""Detectors, and feedback on what they found."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wellkept.api.names import Who
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.feedback import Opinion
from wellkept.ops.detect.explained import Explained
from wellkept.spine.feedback import FeedbackDesk


class Said(BaseModel):
    """What somebody thinks of a finding."""

    opinion: Opinion
    by: Who = Field(min_length=1, max_length=120, pattern=r"\S")


def router(desk: FeedbackDesk, detectors: Explained | None) -> APIRouter:
    """Routes below ``/api/v1``. Without the ops loop there are no detectors."""
    routes = APIRouter(prefix="/api/v1", tags=["detectors"])

    @routes.post("/findings/{finding_id}/feedback")
    def feedback(finding_id: str, said: Said) -> dict[str, Any]:
        return {"feedback": encode(desk.give(finding_id, said.opinion, said.by))}

    @routes.get("/detectors")
    def listing() -> dict[str, Any]:
        return {"detectors": detectors.listing() if detectors is not None else []}

    @routes.get("/detectors/{name}")
    def detail(name: str, series: str = "") -> dict[str, Any]:
        if detectors is None:
            raise NotFoundError(f"detector {name}", "is not known; the ops loop is switched off")
        return {"detector": detectors.detail(name, series)}

    return routes
