"""Tones: how good or bad something is, as one of a few words that the style sheet colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.incident import IncidentState
from wellkept.kernel.plan import PlanState, Risk
from wellkept.kernel.verdict import Judgement

SEVERITY: Mapping[Severity, str] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ERROR: "error",
    Severity.CRITICAL: "critical",
}
RISK: Mapping[Risk, str] = {Risk.LOW: "ok", Risk.MEDIUM: "warning", Risk.HIGH: "error"}
PLAN: Mapping[PlanState, str] = {
    PlanState.PROPOSED: "info",
    PlanState.WAITING: "warning",
    PlanState.APPROVED: "info",
    PlanState.RUNNING: "info",
    PlanState.VERIFYING: "info",
    PlanState.SUCCEEDED: "ok",
    PlanState.FAILED: "error",
    PlanState.REJECTED: "quiet",
    PlanState.EXPIRED: "quiet",
    PlanState.VOID: "quiet",
}
INCIDENT: Mapping[IncidentState, str] = {
    IncidentState.OPEN: "error",
    IncidentState.ACKNOWLEDGED: "warning",
    IncidentState.MITIGATED: "info",
    IncidentState.RESOLVED: "ok",
    IncidentState.CLOSED: "quiet",
}
JUDGEMENT: Mapping[Judgement, str] = {
    Judgement.PASS: "ok",
    Judgement.FAIL: "error",
    Judgement.BROKEN_UPSTREAM: "warning",
    Judgement.REAL_SHIFT: "info",
    Judgement.UNKNOWN: "quiet",
}


def worst(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The worst open finding of each entity."""
    found: dict[str, Finding] = {}
    for finding in findings:
        known = found.get(finding.entity)
        if known is None or (finding.severity, finding.score) > (known.severity, known.score):
            found[finding.entity] = finding
    return found


def of(finding: Finding | None) -> str:
    """The tone of an entity whose worst finding this is."""
    return SEVERITY[finding.severity] if finding is not None else "ok"
