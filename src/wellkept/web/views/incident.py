"""One incident: what is wrong, since when, why these findings are one problem, what caused it, what is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.diagnosis import Reworded
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.web.charts.bars import Histogram
from wellkept.web.charts.line import LineChart, Mark
from wellkept.web.charts.neighbourhood import Link, Node
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.views import evidence, surroundings, tone
from wellkept.web.views.affected import AffectedView, affected_views
from wellkept.web.views.causes import CauseView, ConfirmedView, cause_views, chance, confirmed_view
from wellkept.web.views.finding import FindingView, counted, finding_view
from wellkept.web.views.incidentlife import LifeView, life_view
from wellkept.web.views.plans import PlanView, plan_view
from wellkept.web.views.tickets import TicketView, ticket_views
from wellkept.web.views.verdicts import VerdictView, verdict_view
from wellkept.web.wording import duration

MOST_FINDINGS = 60
"""So many findings of an incident have a card on its page; all of them are in its list of members."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """The page of one incident."""

    id: str
    title: str
    count: int
    state: str
    state_tone: str
    severity: str
    tone: str
    ticket: str
    reopens: str
    opened_at: datetime
    ended_at: datetime | None
    lasted: str
    entities: tuple[str, ...]
    diagnosis: str
    diagnosed_at: datetime | None
    causes: tuple[CauseView, ...]
    findings: tuple[FindingView, ...]
    plans: tuple[PlanView, ...]
    verdicts: tuple[VerdictView, ...]
    affected: tuple[AffectedView, ...]
    life: LifeView
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    is_live: bool
    tickets: Sequence[TicketView] = ()
    told: str = ""
    """The diagnosis in one paragraph."""
    reworded: Reworded | None = None
    """The same in the words of a language model."""
    none: str = ""
    """The probability that it is none of the suspects."""
    can_confirm: bool = False
    confirmed: ConfirmedView | None = None


def incident_view(deps: WebDeps, readings: Readings, incident_id: str, now: datetime, kind: str = "") -> IncidentView:
    """The page of one incident; of its story only lines of a ``kind``, where one is given.

    Raises:
        NotFoundError: there is no such incident.
    """
    incident = deps.book.glance(incident_id)
    diagnosis = deps.stream.diagnosis(incident_id)
    findings = deps.stream.findings(ids=[member.finding for member in incident.members[:MOST_FINDINGS]])
    records = deps.gate.plans(subject=incident_id, limit=20)
    marks = [Mark(record.decision.at.timestamp(), record.plan.title) for record in records if record.decision]
    pictures = evidence.charts(findings, readings, marks, now)
    shapes = evidence.histograms(findings, readings, now) if deps.ml_enabled else {}
    best = diagnosis.best if diagnosis else None
    nodes, links = surroundings.around(deps.topology.graph(), incident.entities, best, findings)
    told = [verdict for verdict in deps.stream.verdicts(kind="triage") if verdict.incident == incident_id]
    verdicts = list({verdict.subject: verdict for verdict in reversed(told)}.values())  # the newest of each model
    ended_at = incident.resolved_at or incident.closed_at
    return IncidentView(
        id=incident.id,
        title=incident.title,
        count=incident.count,
        state=incident.state.value,
        state_tone=tone.INCIDENT[incident.state],
        severity=incident.severity.name.lower(),
        tone=tone.SEVERITY[incident.severity] if incident.state.is_live else "quiet",
        ticket=incident.ticket,
        reopens=incident.reopens,
        opened_at=incident.opened_at,
        ended_at=ended_at,
        lasted=duration((ended_at - incident.opened_at).total_seconds()) if ended_at else "",
        entities=incident.entities,
        diagnosis=diagnosis.sentence if diagnosis else "",
        diagnosed_at=diagnosis.at if diagnosis else None,
        causes=cause_views(diagnosis, readings, now),
        findings=counted(deps, findings, _findings(incident, findings, pictures, shapes)),
        plans=tuple(plan_view(record, deps.gate) for record in records),
        verdicts=tuple(verdict_view(verdict) for verdict in verdicts),
        affected=affected_views(incident, findings, verdicts, readings, now) if deps.ml_enabled else (),
        life=life_view(deps, incident, kind),
        nodes=nodes,
        links=links,
        is_live=incident.state.is_live,
        tickets=ticket_views(deps.tickets, incident.id),
        told=diagnosis.story if diagnosis else "",
        reworded=diagnosis.reworded if diagnosis else None,
        none=chance(diagnosis.none) if diagnosis and diagnosis.story else "",
        can_confirm=deps.causes is not None,
        confirmed=confirmed_view(deps, incident.id),
    )


def _findings(
    incident: Incident,
    findings: Sequence[Finding],
    pictures: Mapping[str, LineChart],
    shapes: Mapping[str, Histogram],
) -> tuple[FindingView, ...]:
    why = {member.finding: member.why for member in incident.members}
    ordered = sorted(findings, key=lambda finding: (not finding.is_open, -finding.severity, finding.starts_at))
    return tuple(finding_view(f, why.get(f.id, ""), pictures.get(f.id), shapes.get(f.id)) for f in ordered)
