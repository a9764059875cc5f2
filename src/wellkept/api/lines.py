"""Lines in: POST /v1/lines, a JSON object or a text on each line (or one JSON list), gzip or plain.

``?service=shop&host=web-1`` says for all of them what they are about.
"""

from __future__ import annotations

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.senders import content_of, door, media_of, store_logs
from wellkept.kernel.clock import Clock, to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.lines import NAMING, WHAT, LineDoor
from wellkept.ops.ingest.stage import Ingest

PATH = "/v1/lines"


def routes(ingest: Ingest, lines: LineDoor, clock: Clock) -> list[Route]:
    """The route; what it acknowledges is stored."""

    def read(body: bytes, about: dict[str, str], media: str) -> tuple[int, list[bytes]]:
        is_list = media == "application/json" and body.lstrip()[:1] == b"["
        records = (lines.listed if is_list else lines.lines)(body, about, to_nanos(clock.now()))
        return len(records), list(records.bodies())

    async def take(request: Request) -> Response:
        about = dict(request.query_params)
        unknown = sorted(about.keys() - NAMING)
        if unknown:
            raise InputError(f"?{unknown[0]}=", f"is not known; known are {', '.join(sorted(NAMING))}")
        body = await content_of(request, WHAT, ingest.settings.max_body_bytes)
        count, bodies = await run_in_threadpool(read, body, about, media_of(request))
        await store_logs(ingest, bodies)
        return Response(orjson.dumps({"accepted": count}), media_type="application/json")

    return [Route(PATH, door("request of lines", take), methods=["POST"])]
