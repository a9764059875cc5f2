"""Messages from others' systems: POST /api/v1/hooks/NAME.

The signature of the message is its proof, so this door looks at it itself, before anything else; the token of the
platform is no substitute for it.
"""

from __future__ import annotations

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.errors import refused
from wellkept.api.otlp import read_body
from wellkept.api.senders import as_json
from wellkept.kernel.errors import ForbiddenError, WellkeptError
from wellkept.spine.webhooks.doors import DoorKeeper

PATH = "/api/v1/hooks/{name}"


def routes(keeper: DoorKeeper, limit: int) -> list[Route]:
    """The route; ``limit`` is the longest body in bytes."""

    async def take(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            body = await read_body(request, "message", limit)
            answer = await run_in_threadpool(keeper.take, request.path_params["name"], headers, body)
        except ForbiddenError as error:
            return as_json(error, 401)
        except WellkeptError as error:
            return refused(error)
        return Response(orjson.dumps(answer), media_type="application/json")

    return [Route(PATH, take, methods=["POST"])]
