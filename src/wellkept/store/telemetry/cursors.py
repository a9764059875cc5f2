"""Where the next page goes on: opaque to clients, and refused when it is not one of ours."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import pyarrow as pa

from wellkept.kernel.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Rows, the cursor of the next page (empty where there is none), and what a reader has to know of the rows."""

    rows: pa.Table
    next: str = ""
    warnings: tuple[str, ...] = ()


def written(number: int, word: str) -> str:
    """A place in an order by a number and, where numbers are equal, a word."""
    return base64.urlsafe_b64encode(f"{number}.{word}".encode()).decode().rstrip("=")


def read(cursor: str) -> tuple[int, str]:
    """The place that a cursor names.

    Raises:
        InputError: it is none that an answer gave.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        number, _, word = text.partition(".")
        place = int(number)
    except (binascii.Error, ValueError):
        place, word = -1, ""
    if not 0 <= place < 1 << 64 or len(cursor) > 200:
        raise InputError("cursor", "must be one that an answer gave as 'next'", cursor)
    return place, word
