"""Loki's doors: POST /loki/api/v1/push, and /otlp/v1/logs as Loki names its own door for OTLP.

Success is 204, errors are plain text. Clients try again on 429 and 5xx alone.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wellkept.api import otlp
from wellkept.api.otlp import UnsupportedError, read_body
from wellkept.api.senders import content_of, door, media_of, plain, store_logs
from wellkept.kernel.clock import Clock, to_nanos
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.ingest.loki import WHAT, PushReader
from wellkept.ops.ingest.records import Records
from wellkept.ops.ingest.stage import Ingest
from wellkept.store.telemetry.otlp.writer import Signal

PUSH, TENANT = "/loki/api/v1/push", "x-scope-orgid"
_PROTOBUF = ("application/x-protobuf", "")
_NAMED = 3


def routes(ingest: Ingest, reader: PushReader, clock: Clock) -> list[Route]:
    """The routes; what they acknowledge is stored."""
    limit = ingest.settings.max_body_bytes

    def read(body: bytes, tenant: str, is_json: bool) -> tuple[Records, list[bytes], list[InputError]]:
        now = to_nanos(clock.now())
        found = reader.json(body, tenant, now) if is_json else reader.protobuf(body, tenant, now, limit)
        return found[0], list(found[0].bodies()), found[1]

    async def push(request: Request) -> Response:
        media, tenant = media_of(request), plain(request.headers, TENANT)
        if media == "application/json":
            body = await content_of(request, WHAT, limit)
        elif media in _PROTOBUF and plain(request.headers, "content-encoding").lower() in ("", "snappy", "identity"):
            body = await read_body(request, WHAT, limit)
        else:
            raise UnsupportedError(f"{WHAT}, Content-Type", "must be application/json or application/x-protobuf", media)
        records, bodies, mistakes = await run_in_threadpool(read, body, tenant, media == "application/json")
        await store_logs(ingest, bodies)
        if mistakes:
            told = "; ".join(str(mistake) for mistake in mistakes[:_NAMED])
            return PlainTextResponse(f"{told} ({len(records)} entries were stored, {len(mistakes)} were not)\n", 400)
        return Response(status_code=204)

    return [
        Route(PUSH, door("Loki push request", push, _as_text), methods=["POST"]),
        Route("/otlp/v1/logs", otlp.endpoint(ingest, Signal.LOGS), methods=["POST"]),
    ]


def _as_text(error: WellkeptError, status: int) -> Response:
    return PlainTextResponse(f"{error}\n", status)
