"""Who asks, as far as the prediction log wants to know."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellkept.kernel.errors import InputError

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 0x01
_NONE = ("",)
LONGEST = 500
"""Characters of an id or a key: of many rows every one carries them in the log."""
_PROCESS, _NUMBERS = os.urandom(10).hex(), itertools.count()


@dataclass(frozen=True, slots=True)
class Caller:
    """``prediction`` is the id of one row's prediction; of several, row ``n`` has it with ``-n`` behind.

    ``entity_keys`` is one for all rows, or one a row. ``explain``: wants to know why. ``is_sampled``: its trace is
    kept, as far as the caller says.
    """

    prediction: str
    entity_keys: tuple[str, ...] = _NONE
    trace_id: str = ""
    span_id: str = ""
    explain: bool = False
    is_sampled: bool = True


def caller_of(traceparent: str, parameters: Any, rows: int) -> Caller:
    """The caller of a request of so many rows, by its ``traceparent`` header (W3C Trace Context) and its parameters.

    A header that is malformed counts as none, as the specification says. The request's own ``id`` names no prediction:
    clients may send the same one again and again.

    Raises:
        InputError: the parameters are not of their types.
    """
    if parameters is not None and not isinstance(parameters, dict):
        raise InputError("parameters", "must be an object", parameters)
    found = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    trace_id, span_id, flags = found.groups() if found else ("", "", "01")
    is_sampled = bool(int(flags, 16) & _SAMPLED)
    if not parameters:
        return Caller(_new(), _NONE, trace_id, span_id, is_sampled=is_sampled)
    prediction = _text(parameters, "prediction_id") or _new()
    explain = parameters.get("explain", False)
    if not isinstance(explain, bool):
        raise InputError("parameters.explain", "must be true or false", explain)
    return Caller(prediction, _keys(parameters, rows), trace_id, span_id, explain, is_sampled)


def _new() -> str:
    """An id that no other process makes: random, and counted within this one."""
    return f"{_PROCESS}{next(_NUMBERS):012x}"


def _keys(given: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    keys = given.get("entity_keys")
    if keys is None:
        return (_text(given, "entity_key"),)
    if not isinstance(keys, list) or len(keys) != rows or not all(isinstance(key, str | int | float) for key in keys):
        raise InputError("parameters.entity_keys", f"must be a list of {rows} texts, one a row", keys)
    return tuple(_short("entity_keys", str(key)) for key in keys)


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    if value is not None and not isinstance(value, str | int | float):
        raise InputError(f"parameters.{name}", "must be a text", value)
    return "" if value is None else _short(name, str(value))


def _short(name: str, text: str) -> str:
    if len(text) > LONGEST:
        raise InputError(f"parameters.{name}", f"must have at most {LONGEST} characters", len(text))
    return text
