"""Incidents for reading: lists, one with all about it, its story, why it is what it is, reports; and findings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.schedule import zone_named
from wellkept.kernel.severities import severity_named
from wellkept.kernel.story import StoryKind
from wellkept.kernel.times import times_of
from wellkept.spine.gate import Gate
from wellkept.spine.incidentbook import IncidentBook, Wanted
from wellkept.spine.stream import Stream

LIVE = tuple(state for state in IncidentState if state.is_live)
OVER = tuple(state for state in IncidentState if not state.is_live)
DAYS = 30
Kinds = Annotated[list[StoryKind] | None, Query()]


def router(stream: Stream, gate: Gate, book: IncidentBook, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["incidents"])
    _lists(routes, book)
    _reports(routes, book, clock)
    _one(routes, stream, gate, book)
    _findings(routes, stream)
    return routes


def shown(incident: Incident) -> dict[str, Any]:
    """An incident as JSON, with what is computed of it: how many findings, of what, and how long it took."""
    body: dict[str, Any] = encode(incident)
    del body["extent"]
    return {
        **body,
        "severity_name": incident.severity.name.lower(),
        "count": incident.count,
        "entities": list(incident.entities),
        "noticed_at": incident.noticed_at.isoformat(),
        "times": encode(times_of(incident)),
    }


class Filters(BaseModel):
    """What is looked for; what is left out does not matter."""

    model_config = ConfigDict(extra="forbid")

    live: bool | None = Field(default=None, description="still going on, or over")
    state: list[IncidentState] = Field(default=[], description="one of these")
    severity: str = Field(default="", description="at least: info, warning, error, critical")
    owner: str = ""
    assignee: str = ""
    entity: str = Field(default="", description="an entity's id, or the end of one")
    service: str = Field(default="", description="the same, by another name")
    held: bool | None = Field(default=None, description="whether nobody is told of it")
    q: str = Field(default="", description="words of the title, an id, or the number of any of its tickets")
    start: datetime | None = Field(default=None, description="began then or later")
    end: datetime | None = Field(default=None, description="began before")
    limit: int = Field(default=50, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)

    def wanted(self) -> Wanted:
        """Raises:
        InputError: there is no such severity.
        """
        states = tuple(self.state) or ((LIVE if self.live else OVER) if self.live is not None else ())
        return Wanted(
            states=states,
            severity=severity_named(self.severity) if self.severity else None,
            owner=self.owner,
            assignee=self.assignee,
            entity=self.entity or self.service,
            held=self.held,
            text=self.q.strip(),
            start=aware(self.start),
            end=aware(self.end),
        )


def _lists(routes: APIRouter, book: IncidentBook) -> None:
    @routes.get("/incidents", summary="Find incidents, newest first")
    def incidents(asked: Annotated[Filters, Query()]) -> dict[str, Any]:
        """Of each the first 200 findings and the last 200 lines of its story come with it."""
        found, total = book.find(asked.wanted(), offset=asked.offset, limit=asked.limit, parts=True)
        told = [shown(one) for one in found]
        return {"incidents": told, "total": total, "offset": asked.offset, "limit": asked.limit}


def _one(routes: APIRouter, stream: Stream, gate: Gate, book: IncidentBook) -> None:
    @routes.get("/incidents/{incident_id}", summary="One incident with all about it")
    def incident(incident_id: str) -> dict[str, Any]:
        found = book.read(incident_id)
        return {
            "incident": shown(found),
            "findings": [f.told() for f in stream.findings(ids=[member.finding for member in found.members])],
            "diagnosis": encode(stream.diagnosis(incident_id)),
            "plans": encode(gate.plans(subject=incident_id)),
            "verdicts": [encode(v) for v in stream.verdicts(kind="triage") if v.incident == incident_id],
            "links": encode(book.links(found)),
        }

    @routes.get("/incidents/{incident_id}/story", summary="Everything that happened, in the order of time")
    def story(incident_id: str, kind: Kinds = None) -> dict[str, Any]:
        return {"story": encode(book.story(book.read(incident_id), kind or ()))}

    @routes.get("/incidents/{incident_id}/explain", summary="Why each finding is in it")
    def explained(incident_id: str) -> dict[str, Any]:
        return {"explanation": encode(book.explain(incident_id))}


def _reports(routes: APIRouter, book: IncidentBook, clock: Clock) -> None:
    @routes.get("/incidents/summary", summary="How incidents went, per service and per model")
    def summary(
        start: datetime | None = None, end: datetime | None = None, days: int = Query(default=DAYS, ge=1, le=400)
    ) -> dict[str, Any]:
        """Of the incidents that began in the span: the last ``days`` days, unless ``start`` and ``end`` say another."""
        until = aware(end) or clock.now()
        return {"summary": encode(book.summary(aware(start) or until - timedelta(days=days), until))}

    @routes.get(
        "/incidents/{incident_id}/postmortem",
        summary="A draft of a post-mortem in Markdown",
        response_class=PlainTextResponse,
    )
    def postmortem(incident_id: str, zone: str = "UTC") -> PlainTextResponse:
        """``zone`` is the name of a time zone (Europe/Berlin), whose time is told beside UTC."""
        body = book.postmortem(incident_id, zone_named(zone))
        return PlainTextResponse(body, media_type="text/markdown; charset=utf-8")


def _findings(routes: APIRouter, stream: Stream) -> None:
    @routes.get("/findings")
    def findings(
        open_only: bool = False, entity: str | None = None, limit: int = Query(default=100, ge=1, le=1000)
    ) -> dict[str, Any]:
        found = stream.open_findings() if open_only else stream.findings(entity=entity, limit=limit)
        return {"findings": [finding.told() for finding in found[:limit]]}

    @routes.get("/verdicts")
    def verdicts(subject: str | None = None, kind: str | None = None) -> dict[str, Any]:
        return {"verdicts": encode(stream.verdicts(subject, kind))}


def aware(moment: datetime | None) -> datetime | None:
    """A moment without a zone is meant in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
