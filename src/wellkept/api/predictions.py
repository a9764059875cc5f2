"""Predictions and labels in: POST /v1/predictions, /v1/labels, as JSON or as an Arrow stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.api.errors import refused
from wellkept.api.otlp import media_of, read_body
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ops.ingest.outcomes import Outcomes

ARROW = "application/vnd.apache.arrow.stream"


def routes(outcomes: Outcomes, max_body_bytes: int) -> list[Route]:
    """The routes; what they acknowledge is stored."""

    def predictions(media: str, body: bytes) -> dict[str, int]:
        is_arrow = media == ARROW
        taken = outcomes.prediction_table(body) if is_arrow else outcomes.predictions(_parsed("predictions", body))
        return {"accepted": taken}

    def labels(media: str, body: bytes) -> dict[str, int]:
        taken = outcomes.label_table(body) if media == ARROW else outcomes.labels(_parsed("labels", body))
        return {"accepted": taken.accepted, **({"waiting": taken.waiting} if taken.waiting else {})}

    return [
        Route("/v1/predictions", _endpoint("predictions", predictions, max_body_bytes), methods=["POST"]),
        Route("/v1/labels", _endpoint("labels", labels, max_body_bytes), methods=["POST"]),
    ]


def _endpoint(
    what: str, store: Callable[[str, bytes], dict[str, int]], limit: int
) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        try:
            body = await read_body(request, what, limit)
            told = await run_in_threadpool(store, media_of(request.headers), body)
        except WellkeptError as error:
            return refused(error)
        return Response(orjson.dumps(told), media_type="application/json")

    return take


def _parsed(what: str, body: bytes) -> Any:
    """The records of a body: a list, or an object that holds it under the name of what it is."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(what, f"must be JSON: {error.msg} at character {error.pos}") from None
    return value.get(what) if isinstance(value, dict) else value
