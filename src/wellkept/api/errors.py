"""Errors at the edge: every error of ours becomes a status and a body that names the thing, the rule and the value."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import (
    ActionError,
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

STATUS: dict[type[WellkeptError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    DocumentError: 422,
    InputError: 422,
    ForbiddenError: 403,
    OverloadError: 503,
    StoreError: 503,
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
        body |= {"thing": error.thing, "rule": error.rule, "value": encode(error.value)}
    if isinstance(error, DocumentError):
        body |= {"source": error.source, "problems": encode(error.problems)}
    return {"error": body}


def refused(error: WellkeptError) -> JSONResponse:
    """The answer to a request that ended in an error of ours."""
    status = status_of(error)
    if status >= 500:
        log.warning("request failed: %s", error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, OverloadError) else None
    return JSONResponse(body_of(error), status, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every error of ours, and every malformed request, in this form."""

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, WellkeptError)
        return refused(error)

    async def malformed(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        thing = ".".join(str(part) for part in first["loc"])
        return JSONResponse(body_of(InputError(thing, first["msg"])), 422)

    app.add_exception_handler(WellkeptError, ours)
    app.add_exception_handler(RequestValidationError, malformed)
