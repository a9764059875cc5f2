"""When a target is scraped: at its own moment of every interval, so that many targets are spread over it."""

from __future__ import annotations

import hashlib
import math

from wellkept.ops.ingest.scrape.base import Target

_TOLERANCE_MS = 2
"""A scrape that begins this close to its moment is written at its moment: even steps take less room when stored."""


def offset_s(target: Target) -> float:
    """Where in its interval a target is scraped: the same after a restart, and other targets elsewhere."""
    digest = hashlib.sha256(repr((target.key, target.url)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64 * target.job.every_s


def first_due(now_s: float, every_s: float, offset: float) -> float:
    """The first moment that is not before ``now_s``."""
    return math.ceil((now_s - offset) / every_s) * every_s + offset


def next_due(last_s: float, now_s: float, every_s: float, offset: float) -> float:
    """The moment after the one at which the last scrape began; moments that have gone by meanwhile are left out.

    A clock that was set back would keep a target waiting for as long as it was wrong: no wait is longer than
    an interval.
    """
    due = (round((last_s - offset) / every_s) + 1) * every_s + offset
    if due < now_s:
        due = first_due(now_s, every_s, offset)
    return min(due, now_s + every_s)


def written_at(due_s: float, began_ms: int) -> int:
    """The time that a scrape is written at, in milliseconds."""
    due_ms = round(due_s * 1000)
    return due_ms if abs(due_ms - began_ms) <= _TOLERANCE_MS else began_ms
