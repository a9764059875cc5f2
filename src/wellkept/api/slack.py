"""Buttons that are pressed in Slack: POST /api/v1/slack/interactions (there "Interactivity", "Request URL").

The signature is the proof, and the token of the platform no substitute for it. Slack wants its answer within 3 s: what
takes longer is done all the same, and the message shows what came of it.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.errors import refused
from wellkept.api.otlp import read_body
from wellkept.api.senders import as_json
from wellkept.kernel.errors import ForbiddenError, WellkeptError
from wellkept.spine.notify.slackdoor import Press, SlackDoor

log = logging.getLogger(__name__)

PATH = "/api/v1/slack/interactions"
MOST_BYTES = 256 << 10
ANSWER_WITHIN_S = 2.5


def routes(door: SlackDoor) -> list[Route]:
    """The route."""
    under_way: set[asyncio.Task[None]] = set()

    async def take(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            body = await read_body(request, "payload", MOST_BYTES)
            press = await run_in_threadpool(door.read, headers, body)
        except ForbiddenError as error:
            return as_json(error, 401)
        except WellkeptError as error:
            return refused(error)
        if press is not None:
            work = asyncio.create_task(_done(door, press))
            under_way.add(work)  # the loop itself keeps no hold of a task
            work.add_done_callback(under_way.discard)
            await asyncio.wait([work], timeout=ANSWER_WITHIN_S)
        return Response(status_code=200)

    return [Route(PATH, take, methods=["POST"])]


async def _done(door: SlackDoor, press: Press) -> None:
    """Do it. This is the edge at which a surprise is logged: Slack has its answer by then."""
    try:
        await run_in_threadpool(door.do, press)
    except Exception:
        log.exception("slack: a button could not be worked on")
