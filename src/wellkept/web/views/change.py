"""The page of a change: who did what to whom, what it brought, and what happened around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.change import Change
from wellkept.kernel.errors import NotFoundError
from wellkept.web.readings import Readings
from wellkept.web.views.looks import Stretch, stretch
from wellkept.web.wording import bare, kind_of

AROUND = timedelta(hours=1)
"""Changes so long before the stretch of time that is named are looked at, too."""
LONG = frozenset({"diff", "files"})


@dataclass(frozen=True, slots=True)
class ChangeView:
    """The page; ``others`` are the changes shortly before and after it."""

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
    """One change, which is looked for in the stretch of time that the address names and the hour before.

    Raises:
        NotFoundError: there is no such change in that time.
        InputError: a stretch of time that is none.
    """
    seen: Stretch = stretch(asked, now)
    known = readings.changes(seen.start - AROUND, seen.end + AROUND)
    found = next((change for change in known if change.id == change_id), None)
    if found is None:
        raise NotFoundError(
            f"change {change_id}", f"is not among those from {seen.start - AROUND:%Y-%m-%d %H:%M} UTC on"
        )
    more = found.attributes
    return ChangeView(
        change=found,
        kind=found.kind.value.replace("_", " "),
        entity=bare(found.entity),
        entity_kind=kind_of(found.entity),
        onset=seen.onset,
        ahead=(seen.onset - found.at).total_seconds() if seen.onset is not None else None,
        attributes=tuple((key, value) for key, value in sorted(more.items()) if key not in LONG),
        files=tuple(more.get("files", "").split()),
        diff=more.get("diff", ""),
        others=tuple(change for change in reversed(known) if change.id != change_id)[:20],
    )
