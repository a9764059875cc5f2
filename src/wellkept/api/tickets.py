"""Tickets of incidents: here and in others' systems, the requests that were made for them, and what people ask for."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wellkept.api.names import Who
from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.spine.audit import Audit
from wellkept.spine.tickets.desk import TicketDesk
from wellkept.store.state.tickets import TicketRow

State = Literal["waiting", "open", "closed_there", "closed", "left", "dead"]


class By(BaseModel):
    """Who asks."""

    model_config = ConfigDict(extra="forbid")

    by: Who = Field(default="operator", min_length=1, max_length=80)


class Over(By):
    """Who says that an incident is over, and why."""

    why: str = Field(min_length=1, max_length=4000)


def router(desk: TicketDesk, audit: Audit, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1/tickets``; no answer holds a secret."""
    routes = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])

    @routes.get("")
    def tickets(
        tracker: str | None = None, state: State | None = None, limit: int = Query(default=50, ge=1, le=1000)
    ) -> dict[str, Any]:
        return {"tickets": [shown(one) for one in desk.tickets(tracker, state, limit)]}

    @routes.get("/trackers")
    def trackers() -> dict[str, Any]:
        counts, resting = desk.counts(), desk.resting()
        told = [
            {
                "name": one.name,
                "kind": one.kind,
                "url": one.address,
                "project": one.project,
                "tickets": dict(counts.get(one.name, {})),
                "resting_until": encode(resting.get(one.name)),
            }
            for one in desk.trackers
        ]
        return {"trackers": told}

    @routes.post("/trackers/{name}/test")
    def test(name: str, asked: By) -> dict[str, Any]:
        said = desk.check(name)
        audit.append(clock.now(), asked.by, "tracker.tested", f"tracker:{name}", {"said": said})
        return {"said": said}

    @routes.post("/trackers/{name}/retry", status_code=202)
    def retry_all(name: str, asked: By) -> dict[str, Any]:
        """Every ticket that was given up, or failed and waits."""
        count = desk.retry_all(name)
        audit.append(clock.now(), asked.by, "tracker.retried", f"tracker:{name}", {"tickets": count})
        return {"tickets": count}

    @routes.get("/{name}")
    def ticket(name: str) -> dict[str, Any]:
        """By the id of an incident, or by the number of any of its tickets."""
        found = desk.find(name)
        calls = {one.tracker: encode(desk.calls(one.incident, one.tracker)) for one in found}
        return {"tickets": [{**shown(one), "calls": calls[one.tracker]} for one in found]}

    @routes.post("/{incident}/close")
    def close(incident: str, asked: Over) -> dict[str, Any]:
        """A person says that it is over though that is not proven."""
        desk.say_over(incident, asked.by, asked.why)
        audit.append(clock.now(), asked.by, "ticket.closed", f"incident:{incident}", {"why": asked.why})
        return {"incident": incident}

    @routes.post("/{incident}/{tracker}/retry", status_code=202)
    def retry(incident: str, tracker: str, asked: By) -> dict[str, Any]:
        again = desk.retry(incident, tracker)
        audit.append(clock.now(), asked.by, "ticket.retried", f"incident:{incident}", {"tracker": tracker})
        return {"ticket": shown(again)}

    return routes


def shown(row: TicketRow) -> dict[str, Any]:
    """A ticket as people are told of it: what it is found again by is left out."""
    told: dict[str, Any] = encode(row)
    hidden = ("mark", "doing", "said", "lease_by", "lease_until", "wanted", "done")
    return {**{name: value for name, value in told.items() if name not in hidden}, "is_current": row.wanted <= row.done}
