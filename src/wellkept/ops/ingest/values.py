"""Values of JSON records, each checked by its rule."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.predicted import FIRST, LAST


def text(where: str, value: Any) -> str:
    """A text.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, str):
        raise InputError(where, "must be a text", value)
    return value


def number(where: str, value: Any) -> float:
    """A finite number; a truth value counts as 0 or 1.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, bool | int | float) or not math.isfinite(value):
        raise InputError(where, "must be a finite number", value)
    return float(value)


def moment(where: str, value: Any) -> datetime:
    """A moment of our time, in UTC.

    Raises:
        InputError: it is none, names no time zone, or lies where no clock is right.
    """
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InputError(where, "must be a moment in ISO 8601", value) from None
    if found.tzinfo is None:
        raise InputError(where, "must name its time zone (such as Z)", value)
    if not FIRST <= found < LAST:
        raise InputError(where, f"must lie between {FIRST:%Y} and {LAST:%Y}", value)
    return found.astimezone(UTC)
