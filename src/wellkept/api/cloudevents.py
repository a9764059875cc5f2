"""CloudEvents over HTTP: POST /cloudevents, binary, structured or batched.

What the content type is decides the mode, as the specification says. Success is 204: there is nothing to say back, and
some senders take a body for another event.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.otlp import UnsupportedError
from wellkept.api.senders import content_of, door, media_of, parsed, store_logs
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.events.cloudevents import BATCH, PREFIX, STRUCTURED, Event, batch, binary, structured
from wellkept.ops.ingest.events.inference import InferenceLog
from wellkept.ops.ingest.events.intake import Events, Sorted
from wellkept.ops.ingest.stage import Ingest

PATH = "/cloudevents"


def routes(events: Events, ingest: Ingest, inference: InferenceLog | None = None) -> list[Route]:
    """The route; what it acknowledges is stored. ``inference`` takes the events of KServe's logger."""
    limit = ingest.settings.max_body_bytes

    def take(found: Sequence[Event]) -> tuple[Sorted, list[bytes]]:
        told = events.sort(inference.take(found) if inference is not None else found)
        events.keep(told.changes)
        return told, list(told.records.bodies())

    async def receive(request: Request) -> Response:
        _check(request)
        body = await content_of(request, "event", limit)
        found = await run_in_threadpool(_events, request, body)
        told, bodies = await run_in_threadpool(take, found)
        await store_logs(ingest, bodies)
        events.done(told.keys)
        return Response(status_code=204)

    return [Route(PATH, door("CloudEvent", receive), methods=["POST"])]


def _check(request: Request) -> None:
    """Refuse what is none of the three modes, before its body is read."""
    media = media_of(request)
    if media in (STRUCTURED, BATCH):
        charset = request.headers["content-type"].lower().partition("charset=")[2].strip().strip('"').partition(";")[0]
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise UnsupportedError("event, Content-Type", "must be in UTF-8", charset)
    elif media.startswith("application/cloudevents"):
        raise UnsupportedError("event, Content-Type", f"must be {STRUCTURED} or {BATCH}, or that of its data", media)
    elif not any(name.startswith(PREFIX) for name in request.headers):
        raise InputError("event", f"must have ce- headers, or the Content-Type {STRUCTURED} or {BATCH}")


def _events(request: Request, body: bytes) -> list[Event]:
    media = media_of(request)
    if media == BATCH:
        return batch(parsed("events", body))
    return [structured(parsed("event", body)) if media == STRUCTURED else binary(dict(request.headers), body)]
