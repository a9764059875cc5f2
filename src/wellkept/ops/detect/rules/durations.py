"""Durations as Prometheus writes them: ``5m``, ``1h30m``, ``1d``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST_S = 292 * 31_536_000.0
"""Prometheus takes no longer one."""
_DIGITS = 20
_WHOLE = re.compile(r"(?:(\d+)(y))?(?:(\d+)(w))?(?:(\d+)(d))?(?:(\d+)(h))?(?:(\d+)(m))?(?:(\d+)(s))?(?:(\d+)(ms))?\Z")


def seconds_of(value: Any) -> float:
    """A duration in seconds.

    Raises:
        ValueError: it is none.
    """
    if value == 0 and not isinstance(value, bool):
        return 0.0
    text = value if isinstance(value, str) else ""
    if text == "0":
        return 0.0
    found = _WHOLE.match(text)
    if not text or found is None:
        raise ValueError("must be a duration such as 30s, 5m, 1h30m or 1d")
    parts = found.groups()
    pairs = [(number, unit) for number, unit in zip(parts[::2], parts[1::2], strict=True) if number]
    total = sum(int(number) * _UNITS[unit] if len(number) < _DIGITS else LONGEST_S + 1 for number, unit in pairs)
    if total > LONGEST_S:
        raise ValueError("must be a duration of at most 292 years")
    return total


def worded(seconds: float) -> str:
    """A duration for people, in its two largest units: ``2 h 5 min``, ``3.5 d``."""
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.3g} days"
    if seconds >= 3600:
        hours, rest = divmod(round(seconds), 3600)
        return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{seconds:.3g} s"


Duration = Annotated[float, BeforeValidator(seconds_of)]
"""A field of a document that holds a duration; in seconds."""
