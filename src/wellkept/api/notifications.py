"""Notifications: receivers and how they are, what each was told, where something would go, and one more try by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wellkept.api.names import Who
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.incident import Incident
from wellkept.spine.notify.desk import NotifyDesk, facts_of_words
from wellkept.spine.notify.facts import Facts

Outcome = Literal["delivered", "failed", "dead", "dropped"]
FindIncident = Callable[[str], Incident | None]
OfIncident = Callable[[Incident], Facts]


class By(BaseModel):
    """Who asks."""

    model_config = ConfigDict(extra="forbid")

    by: Who = Field(default="operator", min_length=1, max_length=120)


class Asked(BaseModel):
    """What it is asked about: an incident, or something that is described."""

    model_config = ConfigDict(extra="forbid")

    incident: str | None = None
    about: dict[str, str] = Field(default_factory=dict)
    """``severity``, ``entity``, ``owner``, ``tier``, ``event``; any other name is a label."""
    at: datetime | None = None


def router(desk: NotifyDesk, incident: FindIncident, facts_of: OfIncident) -> APIRouter:
    """Routes below ``/api/v1/notifications``; no answer holds a secret."""
    routes = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])

    @routes.get("")
    def notifications(
        receiver: str | None = None, subject: str | None = None, limit: int = Query(default=50, ge=1, le=1000)
    ) -> dict[str, Any]:
        found = desk.notifications(receiver, subject, limit)
        return {"notifications": [{**encode(one), "state": one.state} for one in found]}

    @routes.get("/receivers")
    def receivers() -> dict[str, Any]:
        return {"receivers": encode(desk.receivers()), "trouble": desk.trouble(), "fallback": desk.settings.fallback}

    @routes.get("/deliveries")
    def deliveries(
        receiver: str | None = None,
        outcome: Outcome | None = None,
        subject: str | None = None,
        limit: int = Query(default=50, ge=1, le=1000),
    ) -> dict[str, Any]:
        return {"deliveries": encode(desk.deliveries(receiver, outcome, subject, limit))}

    @routes.get("/dead")
    def dead(limit: int = Query(default=100, ge=1, le=1000)) -> dict[str, Any]:
        return {"notifications": encode(desk.dead(limit))}

    @routes.post("/explain")
    def explain(asked: Asked) -> dict[str, Any]:
        if asked.at is not None and asked.at.tzinfo is None:
            raise InputError("at", "must name its time zone (such as Z)", asked.at.isoformat())
        facts = facts_of_words(asked.about)
        if asked.incident is not None:
            found = incident(asked.incident)
            if found is None:
                raise NotFoundError(f"incident {asked.incident}", "is not known")
            facts = facts_of(found)
        routed = desk.explain(facts, asked.at)
        takers = [{"receiver": name, "route": way.name, **_rhythm(way)} for name, way in routed.takers().items()]
        labels = {name: sorted(values) for name, values in facts.labels.items()}
        told = {
            **encode(facts),
            "severity": facts.severity.name.lower(),
            "kinds": sorted(facts.kinds),
            "labels": labels,
        }
        return {"facts": told, "steps": encode(routed.steps), "receivers": takers}

    _deeds(routes, desk)
    return routes


def _deeds(routes: APIRouter, desk: NotifyDesk) -> None:
    @routes.post("/receivers/{name}/test")
    def test(name: str, asked: By) -> dict[str, Any]:
        return {"delivery": encode(desk.test(name, asked.by))}

    @routes.post("/receivers/{name}/retry", status_code=202)
    def retry_all(name: str, asked: By) -> dict[str, Any]:
        """All that was given up."""
        return {"notifications": desk.retry_all(name, asked.by)}

    @routes.post("/{notification}/retry", status_code=202)
    def retry(notification: str, asked: By) -> dict[str, Any]:
        return {"notification": encode(desk.retry(notification, asked.by))}


def _rhythm(way: Any) -> dict[str, Any]:
    return {"escalation": way.escalation, "group_wait_s": way.group_wait_s, "repeat_s": way.repeat_s}
