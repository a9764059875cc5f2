"""The life of an incident, as pure steps: opened from a group, grown, and ended when its findings are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wellkept.kernel.change import Change
from wellkept.kernel.clock import stable_id
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.groups import Group
from wellkept.ops.correlate.links import MODEL_SIDE, bare, kind_of

ACTOR = "correlate"

SPEAKS_FOR_ITSELF = frozenset(
    {
        FindingKind.FORECAST,
        FindingKind.THRESHOLD,
        FindingKind.MISSING_DATA,
        FindingKind.SLO_BURN,
        FindingKind.EXTERNAL,
        FindingKind.PERFORMANCE,
        FindingKind.DATA_QUALITY,
    }
)
"""Kinds of findings that open an incident alone; anomalies, log patterns and drift need weight, company or time."""

CALLED_BY_PEOPLE = frozenset({FindingKind.EXTERNAL, FindingKind.THRESHOLD, FindingKind.SLO_BURN})
"""Kinds whose severity somebody has written down; where they wrote information, they mean it."""


def is_enough(findings: Sequence[Finding], now: datetime, settings: CorrelateSettings) -> str:
    """Why these findings are worth an incident, or an empty string.

    What is over never creates one, and neither does an alert from outside or of a rule that is called information: some
    fire all the time, so that somebody notices when they do not.
    """
    open_ones = [finding for finding in findings if finding.is_open and not _is_information(finding)]
    for finding in open_ones:
        if finding.severity >= Severity.ERROR:
            return f"a finding of severity {finding.severity.name.lower()}"
        if finding.kind in SPEAKS_FOR_ITSELF:
            return f"a finding of kind {finding.kind.value}"
        if finding.score >= settings.strong_score and not finding.attributes.get("resource"):
            return f"a finding with score {finding.score:.2f}"
        lasted = (now - finding.starts_at).total_seconds()
        if lasted >= settings.persist_s:
            return f"a finding that has lasted {lasted:.0f} s"
    return "several findings that belong together" if len(open_ones) > 1 else ""


def _is_information(finding: Finding) -> bool:
    return finding.kind in CALLED_BY_PEOPLE and finding.severity is Severity.INFO


def open_incident(
    group: Group, now: datetime, why: str, changes: Iterable[Change], before: Incident | None
) -> Incident:
    """A new incident. It began when its earliest finding did, whenever that was noticed."""
    first = group.findings[0]
    identity = stable_id("inc", first.id)
    ticket = f"TCK-{identity.removeprefix('inc-')[:6].upper()}"
    incident = Incident(
        id=identity,
        title=title_of(group.findings),
        state=IncidentState.OPEN,
        severity=max(finding.severity for finding in group.findings),
        opened_at=first.starts_at,
        updated_at=now,
        members=(),
        reopens=before.id if before else "",
        ticket=ticket,
    )
    incident = incident.note(now, ACTOR, f"opened because of {why}; ticket {ticket} opened", first.id)
    if before:
        incident = incident.note(now, ACTOR, f"the same trouble as in {before.id} came back", before.id)
    for change in changes:
        ahead = (first.starts_at - change.at).total_seconds()
        incident = incident.note(
            now, ACTOR, f"{ahead:.0f} s before the onset {change.actor} made a change: {change.summary}", change.id
        )
    return grow(incident, group, now)


def grow(incident: Incident, group: Group, now: datetime) -> Incident:
    """The incident with every finding of the group in it. The same group again changes nothing."""
    known = {member.finding for member in incident.members}
    for finding in group.findings:
        if finding.id in known:
            continue
        why = group.why[finding.id]
        member = Member(finding.id, finding.entity, now, why.sentence, why.tie, why.values)
        incident = replace(incident, members=(*incident.members, member))
        incident = incident.note(now, finding.detector, f"{finding.sentence} ({why.sentence})", finding.id)
    ended = {entry.reference for entry in incident.timeline if entry.what.startswith("over: ")}
    for finding in group.findings:
        if finding.ends_at is not None and finding.id not in ended:
            incident = incident.note(now, finding.detector, f"over: {short_title(finding)}", finding.id)
    return replace(
        incident,
        title=title_of(group.findings),
        severity=max(finding.severity for finding in group.findings),
        opened_at=min(finding.starts_at for finding in group.findings),
    )


def settle(incident: Incident, findings: Sequence[Finding], now: datetime, settings: CorrelateSettings) -> Incident:
    """The incident resolved and closed as far as its findings allow."""
    if incident.state.is_live and findings and not any(finding.is_open for finding in findings):
        over = max(finding.ends_at for finding in findings if finding.ends_at is not None)
        if now - over >= timedelta(seconds=settings.quiet_s):
            quiet = (now - over).total_seconds()
            incident = incident.move(
                IncidentState.RESOLVED, now, ACTOR, f"all findings have been over for {quiet:.0f} s"
            )
    if incident.state is not IncidentState.RESOLVED or incident.resolved_at is None:
        return incident
    if now - incident.resolved_at < timedelta(seconds=settings.close_after_s):
        return incident
    return incident.move(IncidentState.CLOSED, now, ACTOR, f"ticket {incident.ticket} closed")


def absorb(incident: Incident, survivor: Incident, now: datetime) -> Incident:
    """An incident that turned out to be part of another one, closed with a word that says so."""
    told = incident.note(now, ACTOR, f"the same problem as {survivor.id}; its findings moved there", survivor.id)
    told = told.move(IncidentState.RESOLVED, now, ACTOR, f"merged into {survivor.id}")
    return told.move(
        IncidentState.CLOSED, now, ACTOR, f"ticket {incident.ticket} closed in favour of {survivor.ticket}"
    )


def title_of(findings: Sequence[Finding]) -> str:
    """The title of the worst finding and how many others there are: of a system before a model, the earliest first."""
    worst = min(findings, key=lambda f: (-int(f.severity), kind_of(f.entity) in MODEL_SIDE, f.starts_at, f.id))
    entities = {finding.entity for finding in findings if finding.entity != worst.entity}
    more = f" (and {len(entities)} more affected)" if entities else ""
    return short_title(worst) + more


def short_title(finding: Finding) -> str:
    """What a finding is about, in a few words."""
    if finding.attributes.get("title"):
        return finding.attributes["title"]
    words = finding.sentence.split("; ")[0].split(". ")[0].rstrip(".")
    return words if len(words) <= 100 else f"{finding.kind.value} on {bare(finding.entity) or 'the platform'}"
