"""Who asks, as far as the prediction log wants to know."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellkept.kernel.errors import InputError

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Caller:
    """``prediction`` is the id of one row's prediction; of several, row ``n`` has it with ``-n`` behind."""

    prediction: str
    entity_key: str = ""
    trace_id: str = ""
    span_id: str = ""

    def ids(self, rows: int) -> list[str]:
        """The ids of the predictions for so many rows."""
        return [self.prediction] if rows == 1 else [f"{self.prediction}-{index}" for index in range(rows)]


def caller_of(traceparent: str, parameters: Any) -> Caller:
    """The caller of a request, by its ``traceparent`` header (W3C Trace Context) and its parameters.

    A header that is malformed counts as none, as the specification says. The request's own ``id`` names no prediction:
    clients may send the same one again and again.

    Raises:
        InputError: the parameters are not of their types.
    """
    if parameters is not None and not isinstance(parameters, dict):
        raise InputError("parameters", "must be an object", parameters)
    given = parameters or {}
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    trace_id, span_id = found.groups() if found else ("", "")
    prediction = _text(given, "prediction_id") or uuid.uuid4().hex
    return Caller(prediction, _text(given, "entity_key"), trace_id, span_id)


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    if value is not None and not isinstance(value, str | int | float):
        raise InputError(f"parameters.{name}", "must be a text", value)
    return "" if value is None else str(value)
