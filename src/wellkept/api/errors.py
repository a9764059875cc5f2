"""Errors at the edge: every error of ours becomes a status and a body that names the thing, the rule and the value."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import (
    ActionError,
    ClosedError,
    ConflictError,
    DocumentError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OverloadError,
    StoreError,
    TooLargeError,
    TrainingError,
    WellkeptError,
)

log = logging.getLogger(__name__)

LONGEST_VALUE = 1000
"""Characters of a value that are sent back; whole bodies are not."""

STATUS: dict[type[WellkeptError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    DocumentError: 422,
    InputError: 422,
    ForbiddenError: 403,
    OverloadError: 503,
    StoreError: 503,
    ClosedError: 503,
    ActionError: 502,
    TrainingError: 502,
    WellkeptError: 500,
}
"""The status of each error; a test proves that none is missing."""


def status_of(error: WellkeptError) -> int:
    """The HTTP status of an error: its own class's, or the nearest parent's."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def body_of(error: WellkeptError) -> dict[str, Any]:
    """The JSON body of an error."""
    body: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, InputError):
        body |= {"thing": error.thing, "rule": error.rule, "value": _plain(error.value)}
    if isinstance(error, DocumentError):
        problems = [{**encode(problem), "value": _plain(problem.value)} for problem in error.problems]
        body |= {"source": error.source, "problems": problems}
    if isinstance(error, ActionError):
        body["retry_helps"] = error.retry_helps
    if isinstance(error, TrainingError):
        body["output"] = error.output
    return {"error": body}


def _plain(value: object) -> object:
    """A value that broke a rule, as JSON that is fit to be sent back: a strange or a long one as its beginning."""
    try:
        plain = encode(value)
        if len(json.dumps(plain, allow_nan=False)) <= LONGEST_VALUE:
            return plain
    except (TypeError, ValueError, RecursionError):
        pass
    return repr(value)[:LONGEST_VALUE]


def refused(error: WellkeptError) -> Response:
    """The answer to a request that ended in an error of ours."""
    status = status_of(error)
    if status >= 500:
        log.warning("request failed: %s", error)
    wait_s = error.retry_after_s if isinstance(error, OverloadError) else 1
    headers = {"Retry-After": str(wait_s)} if status == 503 else None
    return Response(json.dumps(body_of(error)), status, headers=headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Answer every error of ours, and every malformed request, in this form."""

    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, WellkeptError)
        return refused(error)

    async def malformed(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        thing = ".".join(str(part) for part in first["loc"])
        value = None if first["type"] == "missing" else first.get("input")
        return refused(InputError(thing, first["msg"], value))

    async def nothing_here(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code != 404:
            return await http_exception_handler(request, error)
        rule = "is no address of this server (those of a loop that is switched off are not there)"
        return refused(NotFoundError(request.url.path, rule))

    app.add_exception_handler(WellkeptError, ours)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, nothing_here)
