"""Lengths of time as people write them: ``90s``, ``15m``, ``2h``, ``1h30m``, ``3d``, ``2w``."""

from __future__ import annotations

import re

from wellkept.kernel.errors import InputError

_WORDS = (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0))
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WHOLE = re.compile(r"(?:\d+[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")


def seconds_of(text: str, name: str = "duration") -> float:
    """The seconds that a text stands for.

    Raises:
        InputError: it is no such text, or stands for nothing.
    """
    if not _WHOLE.fullmatch(text.strip()) or len(text) > 20:
        raise InputError(name, "must be like 90s, 15m, 2h, 1h30m, 3d or 2w", text)
    found = float(sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text)))
    if not found:
        raise InputError(name, "must be longer than nothing", text)
    return found


def in_words(seconds: float) -> str:
    """``3.5 days``, ``20 hours``, ``90 seconds``: in the largest unit of which there are two."""
    for unit, size in _WORDS:
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
