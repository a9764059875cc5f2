"""The list of incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.incident import Incident
from wellkept.spine.stream import Stream
from wellkept.web.views import tone
from wellkept.web.wording import bare, duration, plural, share

LIMIT = 100


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident in a list."""

    id: str
    title: str
    state: str
    state_tone: str
    severity: str
    tone: str
    opened_at: datetime
    ended_at: datetime | None
    lasted: str
    entities: tuple[str, ...]
    more: int
    findings: str
    cause: str
    ticket: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """The incidents page."""

    rows: tuple[IncidentRow, ...]
    chosen: str
    filters: tuple[tuple[str, str], ...] = (("live", "Live"), ("over", "Resolved and closed"), ("all", "All"))


def incidents_view(stream: Stream, chosen: str) -> IncidentsView:
    """Live incidents, those that are over, or all, newest first."""
    wanted = {"live": True, "over": False}.get(chosen)
    found = stream.incidents(live=wanted, limit=LIMIT)
    return IncidentsView(incident_rows(found, stream), chosen if chosen in ("live", "over") else "all")


def incident_rows(found: Sequence[Incident], stream: Stream) -> tuple[IncidentRow, ...]:
    """Incidents as rows."""
    return tuple(_row(incident, stream) for incident in found)


def _row(incident: Incident, stream: Stream) -> IncidentRow:
    diagnosis = stream.diagnosis(incident.id)
    best = diagnosis.best if diagnosis else None
    ended_at = incident.resolved_at or incident.closed_at
    entities = incident.entities
    return IncidentRow(
        id=incident.id,
        title=incident.title,
        state=incident.state.value,
        state_tone=tone.INCIDENT[incident.state],
        severity=incident.severity.name.lower(),
        tone=tone.SEVERITY[incident.severity] if incident.state.is_live else "quiet",
        opened_at=incident.opened_at,
        ended_at=ended_at,
        lasted=duration((ended_at - incident.opened_at).total_seconds()) if ended_at else "",
        entities=tuple(bare(entity) for entity in entities[:3]),
        more=max(0, len(entities) - 3),
        findings=plural(len(incident.members), "finding"),
        cause=f"{bare(best.entity)} ({share(best.confidence)})" if best else "",
        ticket=incident.ticket,
        is_live=incident.state.is_live,
    )
