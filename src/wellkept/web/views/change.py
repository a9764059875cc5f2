"""The page of a change: who did what to whom, what it brought, and what happened around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.change import Change
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.redact import redact
from wellkept.web.readings import Readings
from wellkept.web.views.looks import Stretch, stretch
from wellkept.web.wording import bare, kind_of

AROUND = timedelta(hours=1)
"""A change is looked for so long before and after the stretch of time that is named, and others as long around it."""
MOST = 20
LONG = frozenset({"diff", "files"})


@dataclass(frozen=True, slots=True)
class ChangeView:
    """The page, secrets masked; ``others`` are the nearest changes before and after it, the newest first."""

    change: Change
    kind: str
    entity: str
    entity_kind: str
    onset: datetime | None
    ahead: float | None
    """Seconds from the change to the onset."""
    attributes: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    diff: str
    others: tuple[Change, ...]


def change_view(readings: Readings, change_id: str, asked: Mapping[str, str], now: datetime) -> ChangeView:
    """One change, which is looked for in the stretch of time that the address names and an hour around it.

    Raises:
        NotFoundError: there is no such change in that time.
        InputError: a stretch of time that is none.
    """
    seen: Stretch = stretch(asked, now)
    first, last = seen.start - AROUND, seen.end + AROUND
    found = next(iter(readings.changes(first, last, change_id)), None)
    if found is None:
        span = f"from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        raise NotFoundError(f"change {change_id}", f"is not among those {span}")
    around = [one for one in readings.changes(found.at - AROUND, found.at + AROUND) if one.id != change_id]
    nearest = sorted(around, key=lambda one: (abs(one.at - found.at), one.id))[:MOST]
    more = found.attributes
    return ChangeView(
        change=found,
        kind=found.kind.value.replace("_", " "),
        entity=bare(found.entity),
        entity_kind=kind_of(found.entity),
        onset=seen.onset,
        ahead=(seen.onset - found.at).total_seconds() if seen.onset is not None else None,
        attributes=tuple((key, _masked(key, value)) for key, value in sorted(more.items()) if key not in LONG),
        files=tuple(more.get("files", "").split()),
        diff=redact(more.get("diff", "")),
        others=tuple(sorted(nearest, key=lambda one: (one.at, one.id), reverse=True)),
    )


def _masked(key: str, value: str) -> str:
    """A value without its secret, which the name of the attribute may tell."""
    said = f"{key}="
    return redact(f"{said}{value}").removeprefix(said)
