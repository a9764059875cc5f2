"""The list of incidents: filtered, in pages, and as a picture."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.finding import Severity
from wellkept.kernel.hostnames import by_name
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.severities import severity_named
from wellkept.spine.incidentbook import IncidentBook, Wanted
from wellkept.spine.stream import Stream
from wellkept.web.charts.lanes import Lane, LanesChart, Span
from wellkept.web.views import tone
from wellkept.web.wording import bare, duration, plural, share

PAGE, MOST_LANES = 50, 14
LIVE = tuple(state for state in IncidentState if state.is_live)
OVER = tuple(state for state in IncidentState if not state.is_live)
FIELDS = ("severity", "owner", "service", "held", "q")
SEVERITIES = tuple(severity.name.lower() for severity in reversed(Severity))


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
    owner: str
    assignee: str
    held: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """The incidents page. ``asked`` are the filters' values; ``newer`` and ``older`` addresses of other pages."""

    rows: tuple[IncidentRow, ...]
    total: int
    first: int
    chosen: str
    asked: Mapping[str, str]
    chart: LanesChart | None
    newer: str
    older: str
    is_filtered: bool
    severities: tuple[str, ...] = SEVERITIES
    filters: tuple[tuple[str, str], ...] = (("live", "Live"), ("over", "Resolved and closed"), ("all", "All"))


def incidents_view(
    book: IncidentBook, stream: Stream, asked: Mapping[str, str], now: datetime, host_names: Mapping[str, str]
) -> IncidentsView:
    """Incidents as they are asked for, newest first.

    Raises:
        InputError: there is no such severity.
    """
    chosen = asked.get("show", "all")
    chosen = chosen if chosen in ("live", "over") else "all"
    filters = {name: asked.get(name, "").strip()[:200] for name in FIELDS}
    offset = min(int(asked["from"]), 1_000_000) if asked.get("from", "").isdecimal() else 0
    found, total = book.find(_wanted(chosen, filters), offset=offset, limit=PAGE)
    return IncidentsView(
        rows=incident_rows(found, stream),
        total=total,
        first=offset + 1,
        chosen=chosen,
        asked=filters,
        chart=picture(found, now, host_names),
        newer=_href(chosen, filters, max(0, offset - PAGE)) if offset else "",
        older=_href(chosen, filters, offset + PAGE) if offset + PAGE < total else "",
        is_filtered=any(filters.values()) or chosen != "all",
    )


def incident_rows(found: Sequence[Incident], stream: Stream) -> tuple[IncidentRow, ...]:
    """Incidents as rows."""
    diagnoses = stream.diagnoses([incident.id for incident in found])
    best = {name: diagnosis.best for name, diagnosis in diagnoses.items() if diagnosis.best is not None}
    causes = {name: f"{bare(cause.entity)} ({share(cause.belief)})" for name, cause in best.items()}
    return tuple(_row(incident, causes.get(incident.id, "")) for incident in found)


def picture(found: Sequence[Incident], now: datetime, host_names: Mapping[str, str]) -> LanesChart | None:
    """The incidents over time, a lane for each of the things that most of them began with; None of none."""
    if not found:
        return None
    lanes: dict[str, list[Span]] = {}
    for incident in found:
        entity = next((entity for entity in incident.entities if entity), "elsewhere")
        lanes.setdefault(by_name(bare(entity), host_names), []).append(_span(incident))
    busiest = sorted(lanes, key=lambda name: (-len(lanes[name]), name))[:MOST_LANES]
    start = min(incident.opened_at for incident in found)
    first = min(start, now - timedelta(minutes=10)) - (now - start) * 0.02
    shown = [Lane(name, lanes[name]) for name in sorted(busiest)]
    return LanesChart("Incidents over time", first.timestamp(), now.timestamp(), shown)


def _span(incident: Incident) -> Span:
    ended = incident.resolved_at or incident.closed_at
    lasted = duration((ended - incident.opened_at).total_seconds()) if ended else "goes on"
    title = f"{incident.title} ({incident.severity.name.lower()}, {incident.state.value}, {lasted})"
    end = max(ended, incident.opened_at).timestamp() if ended else None
    return Span(
        incident.opened_at.timestamp(), end, tone.SEVERITY[incident.severity], title, f"/incidents/{incident.id}"
    )


def _wanted(chosen: str, filters: Mapping[str, str]) -> Wanted:
    return Wanted(
        states={"live": LIVE, "over": OVER}.get(chosen, ()),
        severity=severity_named(filters["severity"]) if filters["severity"] else None,
        owner=filters["owner"],
        entity=filters["service"],
        held={"yes": True, "no": False}.get(filters["held"]),
        text=filters["q"],
    )


def _href(chosen: str, filters: Mapping[str, str], offset: int) -> str:
    asked = {"show": chosen, **{name: value for name, value in filters.items() if value}, "from": str(offset)}
    return f"/incidents?{urllib.parse.urlencode(asked)}"


def _row(incident: Incident, cause: str) -> IncidentRow:
    ended_at = incident.resolved_at or incident.closed_at
    entities = incident.entities
    return IncidentRow(
        id=incident.id,
        title=incident.title,
        state="merged" if incident.merged_into else incident.state.value,
        state_tone=tone.INCIDENT[incident.state],
        severity=incident.severity.name.lower(),
        tone=tone.SEVERITY[incident.severity] if incident.state.is_live else "quiet",
        opened_at=incident.opened_at,
        ended_at=ended_at,
        lasted=duration((ended_at - incident.opened_at).total_seconds()) if ended_at else "",
        entities=tuple(bare(entity) for entity in entities[:3]),
        more=max(0, len(entities) - 3),
        findings=plural(incident.count, "finding"),
        cause=cause,
        ticket=incident.ticket,
        owner=incident.owner,
        assignee=incident.assignee,
        held=incident.held,
        is_live=incident.state.is_live,
    )
