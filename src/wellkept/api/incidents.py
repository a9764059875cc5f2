"""Incidents, findings, diagnoses and verdicts, for reading."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.incident import IncidentState
from wellkept.spine.gate import Gate
from wellkept.spine.stream import Stream


def router(stream: Stream, gate: Gate, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["incidents"])

    @routes.get("/incidents")
    def incidents(live: bool | None = None, limit: int = Query(default=50, ge=1, le=1000)) -> dict[str, Any]:
        return {"incidents": encode(stream.incidents(live=live, limit=limit))}

    @routes.get("/incidents/{incident_id}")
    def incident(incident_id: str) -> dict[str, Any]:
        found = stream.incident(incident_id)
        if found is None:
            raise NotFoundError(f"incident {incident_id}", "is not known")
        return {
            "incident": encode(found),
            "findings": [f.told() for f in stream.findings(ids=[member.finding for member in found.members])],
            "diagnosis": encode(stream.diagnosis(incident_id)),
            "plans": encode(gate.plans(subject=incident_id)),
            "verdicts": [encode(v) for v in stream.verdicts(kind="triage") if v.incident == incident_id],
        }

    @routes.post("/incidents/{incident_id}/acknowledge")
    def acknowledge(incident_id: str, by: str = "operator") -> dict[str, Any]:
        found = stream.incident(incident_id)
        if found is None:
            raise NotFoundError(f"incident {incident_id}", "is not known")
        moved = found.move(IncidentState.ACKNOWLEDGED, clock.now(), by, "somebody looks at it")
        stream.save_incident(moved)
        return {"incident": encode(moved)}

    @routes.get("/findings")
    def findings(
        open_only: bool = False, entity: str | None = None, limit: int = Query(default=100, ge=1, le=1000)
    ) -> dict[str, Any]:
        found = stream.open_findings() if open_only else stream.findings(entity=entity, limit=limit)
        return {"findings": [finding.told() for finding in found[:limit]]}

    @routes.get("/verdicts")
    def verdicts(subject: str | None = None, kind: str | None = None) -> dict[str, Any]:
        return {"verdicts": encode(stream.verdicts(subject, kind))}

    return routes
