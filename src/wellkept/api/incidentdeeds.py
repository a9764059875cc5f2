"""What people do with incidents, over HTTP. Each deed names who does it; the same deed again changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wellkept.api.incidents import shown
from wellkept.api.names import ON_ONE_LINE
from wellkept.kernel.severities import severity_named
from wellkept.spine.regrouping import RegroupingDesk

Name = Annotated[str, Field(min_length=1, max_length=80), ON_ONE_LINE]
Text = Annotated[str, Field(max_length=4000)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class Body(BaseModel):
    """A field that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Deed(Body):
    """Who does it, and why."""

    by: Name
    why: Text = ""


class Reasoned(Body):
    """Who does it, and why, which may not be left out."""

    by: Name
    why: Words


class Assignment(Deed):
    """``to`` is who works on it from now on; empty for nobody."""

    to: Annotated[str, Field(max_length=80)]


class Ownership(Deed):
    """``owner`` is whose it is from now on; empty leaves it to the catalogue."""

    owner: Annotated[str, Field(max_length=80)]


class Rating(Reasoned):
    """``severity`` is how bad it is (info, warning, error, critical); empty leaves it to its findings."""

    severity: str


class Note(Body):
    """Words for the story."""

    by: Name
    text: Words


class Link(Deed):
    """``other`` has to do with it; or has not, where ``related`` is false."""

    other: str
    related: bool = True


class Merge(Reasoned):
    """``other`` is the same problem and goes up in this one."""

    other: str


class Split(Reasoned):
    """``findings`` are another problem and leave for an incident of their own."""

    findings: Annotated[list[str], Field(min_length=1, max_length=100_000)]


class Move(Reasoned):
    """``finding`` belongs to the incident ``to``."""

    finding: str
    to: str


def router(desk: RegroupingDesk) -> APIRouter:
    """Routes below ``/api/v1/incidents``. Each answers with the incident as it is afterwards."""
    routes = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])
    _life(routes, desk)
    _people(routes, desk)
    _grouping(routes, desk)
    return routes


def _life(routes: APIRouter, desk: RegroupingDesk) -> None:
    @routes.post("/{incident_id}/acknowledge")
    def acknowledge(incident_id: str, deed: Deed) -> dict[str, Any]:
        return {"incident": shown(desk.acknowledge(incident_id, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/mitigate")
    def mitigate(incident_id: str, deed: Reasoned) -> dict[str, Any]:
        return {"incident": shown(desk.mitigate(incident_id, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/resolve")
    def resolve(incident_id: str, deed: Reasoned) -> dict[str, Any]:
        return {"incident": shown(desk.resolve(incident_id, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/close")
    def close(incident_id: str, deed: Reasoned) -> dict[str, Any]:
        return {"incident": shown(desk.close(incident_id, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/reopen", summary="Reopen as a new incident, which is answered")
    def reopen(incident_id: str, deed: Reasoned) -> dict[str, Any]:
        return {"incident": shown(desk.reopen(incident_id, by=deed.by, why=deed.why))}


def _people(routes: APIRouter, desk: RegroupingDesk) -> None:
    @routes.post("/{incident_id}/assign")
    def assign(incident_id: str, deed: Assignment) -> dict[str, Any]:
        return {"incident": shown(desk.assign(incident_id, deed.to, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/own")
    def own(incident_id: str, deed: Ownership) -> dict[str, Any]:
        return {"incident": shown(desk.own(incident_id, deed.owner, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/rate", summary="Set the severity by hand")
    def rate(incident_id: str, deed: Rating) -> dict[str, Any]:
        severity = severity_named(deed.severity) if deed.severity else None
        return {"incident": shown(desk.rate(incident_id, severity, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/note")
    def note(incident_id: str, deed: Note) -> dict[str, Any]:
        return {"incident": shown(desk.note(incident_id, deed.text, by=deed.by))}

    @routes.post("/{incident_id}/relate")
    def relate(incident_id: str, deed: Link) -> dict[str, Any]:
        found = desk.relate(incident_id, deed.other, by=deed.by, why=deed.why, related=deed.related)
        return {"incident": shown(found)}


def _grouping(routes: APIRouter, desk: RegroupingDesk) -> None:
    @routes.post("/{incident_id}/merge", summary="Take another incident in")
    def merge(incident_id: str, deed: Merge) -> dict[str, Any]:
        return {"incident": shown(desk.merge(incident_id, deed.other, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/split", summary="Split findings off into a new incident, which is answered")
    def split(incident_id: str, deed: Split) -> dict[str, Any]:
        return {"incident": shown(desk.split(incident_id, deed.findings, by=deed.by, why=deed.why))}

    @routes.post("/{incident_id}/move", summary="Move a finding to another incident, which is answered")
    def move(incident_id: str, deed: Move) -> dict[str, Any]:
        return {"incident": shown(desk.move(deed.finding, incident_id, deed.to, by=deed.by, why=deed.why))}
