"""Plans and their approval, and the audit log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wellkept.api.names import Who
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.plan import PlanState
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate, PlanRecord


class Opinion(BaseModel):
    """A person's decision. ``hash`` is that of the plan that the person has read."""

    hash: str = ""
    by: Who = Field(min_length=1)
    why: str = ""


def router(gate: Gate, audit: Audit) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["plans"])

    @routes.get("/plans")
    def plans(
        state: PlanState | None = None,
        subject: str | None = None,
        limit: int = Query(default=50, ge=1, le=1000),
    ) -> dict[str, Any]:
        return {"plans": [_shown(record) for record in gate.plans(state=state, subject=subject, limit=limit)]}

    @routes.get("/plans/{plan_id}")
    def plan(plan_id: str) -> dict[str, Any]:
        record = gate.plan(plan_id)
        if record is None:
            raise NotFoundError(f"plan {plan_id}", "is not known")
        return {**_shown(record), "would": _would(gate, record) if not record.state.is_final else []}

    @routes.post("/plans/{plan_id}/approve")
    def approve(plan_id: str, opinion: Opinion) -> dict[str, Any]:
        if not opinion.hash:
            raise InputError("hash", "is required: an approval holds for exactly the plan with that hash")
        return {"decision": encode(gate.approve(plan_id, opinion.hash, opinion.by, opinion.why))}

    @routes.post("/plans/{plan_id}/reject")
    def reject(plan_id: str, opinion: Opinion) -> dict[str, Any]:
        return {"decision": encode(gate.reject(plan_id, opinion.by, opinion.why))}

    @routes.get("/audit")
    def entries(subject: str | None = None, limit: int = Query(default=100, ge=1, le=10_000)) -> dict[str, Any]:
        return {"entries": [_entry(entry) for entry in audit.entries(limit, subject)]}

    @routes.get("/audit/verify")
    def verify() -> dict[str, Any]:
        return {"entries": audit.verify(), "intact": True}

    return routes


def _would(gate: Gate, record: PlanRecord) -> list[str]:
    """What each action would do; a plan whose agent is away can be read, and rejected, all the same."""
    would = []
    for action in record.plan.actions:
        try:
            would += gate.previews(replace(record.plan, actions=(action,)))
        except InputError as error:
            would.append(f"cannot be done now: {error}")
    return would


def _shown(record: PlanRecord) -> dict[str, Any]:
    body: dict[str, Any] = encode(record)
    return {**body, "id": record.plan.id, "hash": record.plan.hash}


def _entry(entry: Any) -> dict[str, Any]:
    body: dict[str, Any] = encode(entry)
    return body
