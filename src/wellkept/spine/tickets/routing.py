"""Which incidents go where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from wellkept.kernel.incident import Incident
from wellkept.spine.tickets.settings import Route, TicketSettings

MOST_ENTITIES = 200
"""Of an incident so many are looked up; who owns the rest changes nothing about where it goes."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an entity: whose it is, and how critical (1: everything stops without it)."""

    owner: str
    tier: int


Known = Callable[[str], Place | None]
"""Looks an entity up."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A tracker, and the moment before which no ticket is made there."""

    tracker: str
    not_before: datetime


def destinations(incident: Incident, settings: TicketSettings, known: Known) -> Sequence[Destination]:
    """Where an incident goes: what the first route says that fits it."""
    if not settings.routes:
        return [Destination(tracker.name, incident.noticed_at) for tracker in settings.trackers]
    entities = incident.entities[:MOST_ENTITIES]
    places = [place for place in map(known, entities) if place is not None]
    for route in settings.routes:
        if _fits(route, incident, entities, places):
            when = incident.noticed_at + timedelta(seconds=route.after_s)
            return [Destination(name, when) for name in route.to]
    return []


def _fits(route: Route, incident: Incident, entities: Sequence[str], places: Sequence[Place]) -> bool:
    owners = {incident.owner, *(place.owner for place in places)} - {""}
    return (
        incident.severity >= route.least
        and (not route.owners or not owners.isdisjoint(route.owners))
        and (not route.tiers or any(place.tier in route.tiers for place in places))
        and (not route.entities or any(fnmatchcase(one, pattern) for one in entities for pattern in route.entities))
    )
