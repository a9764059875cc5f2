"""Confirmed causes over HTTP, and the versions of the diagnosis that were learned from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wellkept.kernel.codec import encode
from wellkept.kernel.diagnosis import Confirmation, Weighting
from wellkept.kernel.errors import NotFoundError
from wellkept.spine.causes import CauseDesk

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]


class Said(BaseModel):
    """What was the cause: an entity's id, or ``none`` where it was none of the suspects."""

    model_config = ConfigDict(extra="forbid")

    entity: Annotated[str, Field(min_length=1, max_length=300)]
    by: Name
    why: Annotated[str, Field(max_length=4000)] = ""
    fault: str = ""


class By(BaseModel):
    """Who does it."""

    model_config = ConfigDict(extra="forbid")

    by: Name


def router(desk: CauseDesk, learn: Callable[[str], Weighting]) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["diagnosis"])

    @routes.post("/incidents/{incident_id}/cause", summary="Confirm or correct the cause of an incident")
    def confirm(incident_id: str, said: Said) -> dict[str, Any]:
        kept = desk.confirm(incident_id, said.entity, by=said.by, why=said.why, fault=said.fault)
        return {"confirmation": _shown(kept)}

    @routes.get("/incidents/{incident_id}/cause", summary="What was confirmed")
    def confirmed(incident_id: str) -> dict[str, Any]:
        found = desk.confirmed(incident_id)
        if found is None:
            raise NotFoundError(f"cause of incident {incident_id}", "was not confirmed by anybody")
        return {"confirmation": _shown(found)}

    @routes.get("/diagnosis/confirmations", summary="What was confirmed, newest first")
    def confirmations(limit: int = Query(default=100, ge=1, le=1000)) -> dict[str, Any]:
        return {"confirmations": [_shown(one) for one in desk.confirmations(limit)]}

    @routes.get("/diagnosis/weights", summary="The versions of the weights that were learned, newest first")
    def weights() -> dict[str, Any]:
        return {"weights": [encode(one) for one in desk.weightings()]}

    @routes.post("/diagnosis/learn", summary="Learn from what was confirmed; used only where it passes")
    def learned(asked: By) -> dict[str, Any]:
        return {"weights": encode(learn(asked.by))}

    @routes.post("/diagnosis/shipped", summary="Use the shipped weights again")
    def shipped(asked: By) -> dict[str, Any]:
        desk.back_to_shipped(asked.by)
        return {"weights": [encode(one) for one in desk.weightings()]}

    return routes


def _shown(one: Confirmation) -> dict[str, Any]:
    body: dict[str, Any] = encode(one)
    body["suspects"] = len(body.pop("evidence"))
    return body
