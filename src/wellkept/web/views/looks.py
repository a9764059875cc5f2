"""Addresses of the pages on which a piece of evidence is looked at, and the stretch of time that they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from wellkept.kernel.errors import InputError

LAST, LONGEST = timedelta(hours=1), timedelta(days=7)
"""What is looked at where nothing is named, and at most."""
_OF_MODELS = frozenset({"model", "model_version", "deployment", "feature"})


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when; health until ``onset``, trouble after it; None where nobody said."""

    start: datetime
    end: datetime
    onset: datetime | None = None

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def stretch(asked: Mapping[str, str], now: datetime) -> Stretch:
    """The stretch that an address names; without one the last hour.

    Raises:
        InputError: a moment that is none or names no zone, or an end that is not after the start.
    """
    end = _moment(asked, "end") or now
    start = _moment(asked, "start") or end - LAST
    if not timedelta() < end - start <= LONGEST:
        raise InputError("end", f"must be after start, and at most {LONGEST.days} days", end.isoformat())
    onset = _moment(asked, "onset")
    return Stretch(start, end, onset if onset is not None and start < onset < end else None)


def address(page: str, *, start: datetime | None, end: datetime | None, onset: datetime | None, **more: str) -> str:
    """The address of such a page."""
    moments = {"start": start, "end": end, "onset": onset}
    named = {key: value for key, value in more.items() if value}
    named |= {key: moment.isoformat() for key, moment in moments.items() if moment is not None}
    return f"{page}?{urlencode(named)}" if named else page


def about(entity: str) -> str:
    """The address of the page about an entity: of a model, or of a system; empty where none is named."""
    kind, _, name = entity.partition(":")
    if kind in _OF_MODELS:
        return f"/models/{quote(name.partition('/')[0], safe='')}"
    return f"/system?{urlencode({'entity': entity})}" if name else ""


def _moment(asked: Mapping[str, str], name: str) -> datetime | None:
    text = asked.get(name, "")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(name, "must be a moment such as 2026-11-24T14:00:00Z", text) from error
    if found.tzinfo is None:
        raise InputError(name, "must name its time zone (such as Z)", text)
    return found
