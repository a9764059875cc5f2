"""Confirmed causes over HTTP, and the versions of the diagnosis that were learned from them."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wellkept.api.names import ON_ONE_LINE
from wellkept.kernel.codec import encode
from wellkept.kernel.diagnosis import Confirmation, Weighting
from wellkept.kernel.errors import NotFoundError
from wellkept.spine.causes import CauseDesk
from wellkept.spine.gate import PlanRecord

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S"), ON_ONE_LINE]


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


class Use(By):
    """A version of the weights; 0 is the shipped one."""

    number: Annotated[int, Field(ge=0)]
    why: Annotated[str, Field(max_length=4000)] = ""


class Learning(Protocol):
    """What these routes need beside the desk."""

    @property
    def desk(self) -> CauseDesk: ...

    def learn(self, by: str) -> tuple[Weighting, PlanRecord | None]: ...

    def propose(self, number: int, by: str, why: str = "") -> PlanRecord: ...


def router(causes: Learning) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes, desk = APIRouter(prefix="/api/v1", tags=["diagnosis"]), causes.desk

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
        return {"weights": [encode(one) for one in desk.weightings()], "in_use": desk.in_use}

    @routes.post("/diagnosis/learn", summary="Learn from what was confirmed; what passes is proposed to the gate")
    def learned(asked: By) -> dict[str, Any]:
        made, record = causes.learn(asked.by)
        return {"weights": encode(made), "plan": _stands(record)}

    @routes.post("/diagnosis/use", summary="Propose to use a version that passed; 0 is the shipped one")
    def use(asked: Use) -> dict[str, Any]:
        return {"plan": _stands(causes.propose(asked.number, asked.by, asked.why))}

    return routes


def _shown(one: Confirmation) -> dict[str, Any]:
    body: dict[str, Any] = encode(one)
    body["suspects"] = len(body.pop("evidence"))
    return body


def _stands(record: PlanRecord | None) -> dict[str, Any] | None:
    """A plan as it stands right after it was proposed."""
    if record is None:
        return None
    plan = record.plan
    return {"id": plan.id, "hash": plan.hash, "title": plan.title, "state": record.state, "sentence": record.sentence}
