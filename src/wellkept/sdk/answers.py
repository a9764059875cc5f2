"""What a server's answer means: its errors come back as the same classes that it raised, with the same words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.errors import (
    ActionError,
    ClosedError,
    ConflictError,
    DocumentError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OverloadError,
    Problem,
    StoreError,
    TooLargeError,
    TrainingError,
    WellkeptError,
)

_PARTED = {kind.__name__: kind for kind in (InputError, NotFoundError, ConflictError, TooLargeError)}
_PLAIN = {kind.__name__: kind for kind in (ClosedError, ForbiddenError, StoreError, WellkeptError)}


def retry_after_s(headers: Mapping[str, str], default: int = 1) -> int:
    """The seconds that a server asks to wait; a date, or nothing, is the default."""
    value = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    return int(value) if value.isascii() and value.isdigit() else default


def error_of(what: str, status: int, headers: Mapping[str, str], body: bytes) -> WellkeptError:
    """The error that an answer stands for. ``what`` was asked (``GET /api/v1/plans``)."""
    try:
        found = json.loads(body)["error"]
        # The doors that speak as Prometheus does say what is wrong in a text.
        told: dict[str, Any] = {"message": found} if isinstance(found, str) else found
        message = str(told["message"])
    except (ValueError, KeyError, TypeError):
        told, message = {}, f"{what}: status {status}"
    error = _told(told, message, headers) or _by_status(status, message, headers)
    error.args = (message,)
    return error


def _told(told: Mapping[str, Any], message: str, headers: Mapping[str, str]) -> WellkeptError | None:
    """The error that the body names; None when it names none of ours, or not as we would."""
    name = told.get("type")
    if name in _PARTED and {"thing", "rule"} <= told.keys():
        return _PARTED[name](str(told["thing"]), str(told["rule"]), told.get("value"))
    if name in _PLAIN:
        return _PLAIN[name](message)
    if name == "DocumentError" and isinstance(told.get("problems"), list):
        return DocumentError(str(told.get("source", "")), tuple(map(_problem, told["problems"])))
    if name == "OverloadError":
        return OverloadError(message, retry_after_s(headers))
    if name == "ActionError":
        return ActionError(message, retry_helps=bool(told.get("retry_helps", False)))
    if name == "TrainingError":
        error = TrainingError(message)
        error.output = str(told.get("output", ""))
        return error
    return None


def _by_status(status: int, message: str, headers: Mapping[str, str]) -> WellkeptError:
    """The error of an answer that is not in our form, such as one of a proxy."""
    if status in (401, 403):
        return ForbiddenError(message)
    if status in (429, 503):
        return OverloadError(message, retry_after_s(headers))
    return WellkeptError(message)


def _problem(told: Mapping[str, Any]) -> Problem:
    return Problem(int(told.get("line", 0)), str(told.get("field", "")), str(told.get("rule", "")), told.get("value"))
