"""A disk that runs full, its incident, and a runbook for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wellkept.kernel.diagnosis import Cause
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ops.remediate.base import Runbook

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DISK = "disk:h1:/data"
CAUSE = Cause(DISK, 0.9, ())


def finding(
    *,
    entity: str = DISK,
    kind: FindingKind = FindingKind.FORECAST,
    signal: str = "system.filesystem.usage",
    starts_at: datetime = NOON,
) -> Finding:
    return Finding(
        fingerprint=fingerprint("test", entity, signal),
        detector="test",
        detector_version="1",
        entity=entity,
        kind=kind,
        severity=Severity.ERROR,
        score=0.9,
        score_meaning="of a test",
        starts_at=starts_at,
        sentence="it runs full",
        evidence=(Evidence(signal),),
    )


def incident(*findings: Finding, id: str = "inc-1") -> Incident:  # noqa: A002 - the incident's own word
    members = tuple(Member(found.id, found.entity, NOON, "why") for found in findings)
    return Incident(id, "disk fills", IncidentState.OPEN, Severity.ERROR, NOON, NOON, members)


def runbook(**changes: Any) -> Runbook:
    whole: dict[str, Any] = {
        "name": "clear",
        "description": "Clear",
        "match": {"entity": "disk", "findings": ["forecast"]},
        "risk": "low",
        "actions": [{"action": "delete_old_logs", "arguments": {"directory": "{mountpoint}"}}],
    }
    return Runbook.model_validate({**whole, **changes})
