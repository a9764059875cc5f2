"""Webhooks that are sent: who is told, what became of each delivery, and one more try by hand."""

from __future__ import annotations

import json
from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wellkept.api.names import Who
from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.spine.audit import Audit
from wellkept.spine.webhooks.events import event
from wellkept.spine.webhooks.outbox import Outbox
from wellkept.store.state.webhooks import Delivery

State = Literal["waiting", "delivered", "dead"]


class By(BaseModel):
    """Who asks."""

    by: Who = Field(default="operator", min_length=1, max_length=120)


def router(outbox: Outbox, audit: Audit, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1/webhooks``; no answer holds a secret."""
    routes = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

    @routes.get("")
    def endpoints() -> dict[str, Any]:
        counts = outbox.counts()
        told = [
            {
                "name": one.name,
                "url": _shown_url(one.url),
                "events": list(one.events),
                "problem": outbox.secret_problem(one),
                "deliveries": counts.get(one.name, {}),
            }
            for one in outbox.endpoints
        ]
        return {"endpoints": told}

    @routes.get("/deliveries")
    def deliveries(
        endpoint: str | None = None, state: State | None = None, limit: int = Query(default=50, ge=1, le=1000)
    ) -> dict[str, Any]:
        return {"deliveries": [_shown(one) for one in outbox.deliveries(endpoint, state, limit)]}

    @routes.post("/{name}/test", status_code=202)
    def test(name: str, asked: By) -> dict[str, Any]:
        now = clock.now()
        told = event("webhook.test", f"webhook:{name}", now, {"by": asked.by}, name, now.isoformat())
        outbox.tell(told, name)
        audit.append(now, asked.by, "webhook.tested", f"webhook:{name}", {"event": told.id})
        return {"event": told.id}

    @routes.post("/deliveries/{number}/resend", status_code=202)
    def resend(number: int, asked: By) -> dict[str, Any]:
        again = outbox.resend(number)
        audit.append(clock.now(), asked.by, "webhook.resent", f"webhook:{again.endpoint}", {"event": again.event})
        return {"delivery": _shown(again)}

    return routes


def _shown_url(url: str) -> str:
    """A URL without what stands behind the ``?``: some services have a token there."""
    address, mark, _ = url.partition("?")
    return f"{address}?…" if mark else address


def _shown(delivery: Delivery) -> dict[str, Any]:
    body: dict[str, Any] = encode(delivery)
    return {**body, "body": json.loads(delivery.body)}
