"""Moments as the formats of others write them."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime

from wellkept.kernel.clock import from_nanos
from wellkept.kernel.errors import InputError

_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(\.\d+)?(?:([Zz])|([+-]\d{2}:\d{2}))\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(where: str, value: object) -> datetime | None:
    """A moment of RFC 3339 in UTC. What is before 1970 (Go's zero time is in the year 1) stands for none at all.

    A leap second is taken for the second before it, and what is finer than a microsecond is cut off.

    Raises:
        InputError: it is not one.
    """
    nanos = nanos_of(where, value)
    return _moment(nanos) if nanos else None


def nanos_of(where: str, value: object) -> int:
    """A moment of RFC 3339 as nanoseconds since the epoch, exact; 0 where it stands for none.

    Raises:
        InputError: it is not one.
    """
    found = _RFC3339.match(value) if isinstance(value, str) else None
    if found is None:
        raise InputError(where, "must be a moment in RFC 3339 such as 2026-01-31T12:00:00Z", value)
    day, minute, second, fraction, _, offset = found.groups()
    try:
        whole = _seconds(day, minute, second, offset or "+00:00")
    except (ValueError, OverflowError):
        raise InputError(where, "must be a moment in RFC 3339 that exists", value) from None
    if whole < 0:
        return 0
    return whole * 10**9 + (int(fraction[1:10].ljust(9, "0")) if fraction else 0)


@functools.lru_cache(maxsize=8192)
def _moment(nanos: int) -> datetime:
    """Who repeats an alert repeats when it began."""
    return from_nanos(nanos)


@functools.lru_cache(maxsize=8192)
def _seconds(day: str, minute: str, second: str, offset: str) -> int:
    """Seconds since the epoch. Messages come many to a second."""
    moment = datetime.fromisoformat(f"{day}T{minute}:{'59' if second == '60' else second}{offset}")
    return round((moment - _EPOCH).total_seconds())
