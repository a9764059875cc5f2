"""Predictions and labels in: POST /v1/predictions, /v1/labels, as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.errors import refused
from wellkept.api.otlp import read_body
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.ingest.outcomes import Outcomes


def routes(outcomes: Outcomes, max_body_bytes: int) -> list[Route]:
    """The routes; what they acknowledge is stored."""
    return [
        Route("/v1/predictions", _endpoint("predictions", outcomes.predictions, max_body_bytes), methods=["POST"]),
        Route("/v1/labels", _endpoint("labels", outcomes.labels, max_body_bytes), methods=["POST"]),
    ]


def _endpoint(what: str, store: Callable[[Any], int], limit: int) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        try:
            body = await read_body(request, what, limit)
            count = await run_in_threadpool(lambda: store(_parsed(what, body)))
        except WellkeptError as error:
            return refused(error)
        return Response(orjson.dumps({"accepted": count}), media_type="application/json")

    return take


def _parsed(what: str, body: bytes) -> Any:
    """The records of a body: a list, or an object that holds it under the name of what it is."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(what, f"must be JSON: {error.msg} at character {error.pos}") from None
    return value.get(what) if isinstance(value, dict) else value
