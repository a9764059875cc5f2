"""PagerDuty's Events API v2 as a receiver: POST /v2/enqueue.

What sends such events knows a routing key and no header. So the key may be the token itself, which is as long as
PagerDuty's own keys are: this door looks at it before anything else.
"""

from __future__ import annotations

import hmac
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.auth import is_bearer
from wellkept.api.senders import SMALL, Together, content_of, door, parsed
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ForbiddenError, InputError, OverloadError, TooLargeError, WellkeptError
from wellkept.ops.ingest.alerts.intake import Alerts
from wellkept.ops.ingest.alerts.pagerduty import EventReader

PATH = "/v2/enqueue"
MAX_BYTES = 512 << 10
"""PagerDuty's own limit."""


def routes(alerts: Alerts, reader: EventReader, clock: Clock, token: str) -> list[Route]:
    """The route; what it acknowledges is stored."""
    together = Together()

    async def enqueue(request: Request) -> Response:
        is_trusted = is_bearer(request.headers, token)
        try:
            body = await content_of(request, "event", MAX_BYTES)
            document = parsed("event", body)
            if not isinstance(document, dict):
                raise InputError("event", "must be an object", document)
            key = document.get("routing_key")
            if not isinstance(key, str) or not key:
                raise InputError("routing_key", "must be a text that is not empty", key)
        except InputError:
            if is_trusted:
                raise
            return _refused(ForbiddenError("the routing key must be the token of this server"), 401)
        if not is_trusted and not hmac.compare_digest(key.encode(), token.encode()):
            return _refused(ForbiddenError("the routing key must be the token of this server"), 401)
        if len(body) <= SMALL:
            event = reader.event(document, clock.now())
        else:
            event = await run_in_threadpool(lambda: reader.event(document, clock.now()))
        await together.wait(alerts.submit([event.word]))
        return _json({"status": "success", "message": "Event processed", "dedup_key": event.dedup_key}, 202)

    return [Route(PATH, door("PagerDuty event", enqueue, _refused), methods=["POST"])]


def _refused(error: WellkeptError, status: int) -> Response:
    if isinstance(error, OverloadError):
        return _json({"status": "throttle exceeded", "message": str(error), "errors": []}, 429)
    told = "invalid event" if status == 400 else "error"
    message = (
        "Event object is invalid" if isinstance(error, InputError) and not isinstance(error, TooLargeError) else ""
    )
    return _json({"status": told, "message": message or str(error), "errors": [str(error)]}, status)


def _json(value: Any, status: int) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
