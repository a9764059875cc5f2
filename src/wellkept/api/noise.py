"""What holds findings back: silences, maintenance windows, what is held and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wellkept.api.names import By
from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import InputError
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import HoldReason, Maintenance, Silence
from wellkept.kernel.schedule import Schedule
from wellkept.ops.correlate.noise.usecases import NoiseUse, Preview
from wellkept.spine.noise import checked

Texts = Annotated[tuple[str, ...], Field(max_length=100)]


class Asked(BaseModel):
    """A key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid")

    by: By = "operator"


class WindowEnd(Asked):
    """The end of a maintenance window: for good, or of a recurring one only what is open now."""

    this_time: bool = False


class Match(Asked):
    """Matchers: ``team="shop"``, ``severity=~"warning|info"``."""

    match: Texts = ()

    def matchers(self) -> tuple[Matcher, ...]:
        return tuple(map(Matcher.of, self.match))


class TriedSilence(Match):
    """What a silence would match. What else one has may be there, so that the same body can be sent to both."""

    comment: Annotated[str, Field(max_length=1000)] = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    lasts_s: Annotated[float, Field(gt=0)] | None = None


class NewSilence(Match):
    """A silence from ``starts_at`` (now) until ``ends_at``, or for ``lasts_s`` seconds."""

    comment: Annotated[str, Field(max_length=1000)]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    lasts_s: Annotated[float, Field(gt=0)] | None = None


class Again(BaseModel):
    """When a window comes again; see :class:`wellkept.kernel.schedule.Schedule`."""

    model_config = ConfigDict(extra="forbid")

    begins: str
    ends: str
    zone: str = "UTC"
    weekdays: tuple[str, ...] = ()
    monthdays: tuple[int, ...] = ()
    months: tuple[int, ...] = ()


class NewWindow(Match):
    """A maintenance window: once, from ``starts_at`` (now) on, or again and again by a ``schedule``."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    comment: Annotated[str, Field(max_length=1000)] = ""
    entities: Texts = ()
    dependents: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    lasts_s: Annotated[float, Field(gt=0)] | None = None
    schedule: Again | None = None

    def window(self, now: datetime) -> Maintenance:
        """The window that is asked for.

        Raises:
            InputError: it is none.
        """
        schedule = Schedule(**self.schedule.model_dump()) if self.schedule is not None else None
        starts_at, ends_at = self.starts_at, self.ends_at
        if schedule is None or self.lasts_s is not None:
            starts_at, ends_at = span(now, starts_at, ends_at, self.lasts_s)
        return Maintenance(
            "", self.name, self.by, self.comment, now, self.entities, self.dependents, self.matchers(),
            zoned("starts_at", starts_at), zoned("ends_at", ends_at), schedule,
        )  # fmt: skip


def router(use: NoiseUse, clock: Clock) -> APIRouter:
    """Routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", tags=["noise"])
    _silences(routes, use, clock)
    _windows(routes, use, clock)

    @routes.get("/held")
    def held(
        reason: HoldReason | None = None,
        over_s: float = Query(default=0, ge=0),
        limit: int = Query(default=100, ge=1, le=10_000),
    ) -> dict[str, Any]:
        found = use.desk.held(reason, over_s=over_s, limit=limit)
        return {"counts": use.desk.held_counts(), "held": encode(found)}

    @routes.get("/findings/{finding}/noise")
    def of_finding(finding: str) -> dict[str, Any]:
        told, kept = use.of_finding(finding)
        return {"told": encode(told), "held": encode(kept)}

    @routes.get("/held/digests")
    def digests(after: int = Query(default=0, ge=0)) -> dict[str, Any]:
        found, position = use.desk.digests(after)
        return {"digests": encode(found), "after": position}

    return routes


def _silences(routes: APIRouter, use: NoiseUse, clock: Clock) -> None:
    @routes.get("/silences")
    def silences(over: bool = False) -> dict[str, Any]:
        now = clock.now()
        return {"silences": [silence_document(one, now) for one in use.desk.silences(over=over)]}

    @routes.post("/silences", status_code=201)
    def add(asked: NewSilence) -> dict[str, Any]:
        starts_at, ends_at = span(clock.now(), asked.starts_at, asked.ends_at, asked.lasts_s)
        made = use.desk.add_silence(asked.matchers(), starts_at, ends_at, asked.by, asked.comment)
        return {"silence": silence_document(made, clock.now())}

    @routes.post("/silences/preview")
    def preview(asked: TriedSilence) -> dict[str, Any]:
        return preview_document(use.of_silence(checked(asked.matchers())))

    @routes.get("/silences/{silence}")
    def one(silence: str) -> dict[str, Any]:
        return {"silence": silence_document(use.desk.silence(silence), clock.now())}

    @routes.post("/silences/{silence}/end")
    def end(silence: str, asked: Asked) -> dict[str, Any]:
        return {"silence": silence_document(use.desk.end_silence(silence, asked.by), clock.now())}


def _windows(routes: APIRouter, use: NoiseUse, clock: Clock) -> None:
    @routes.get("/maintenance")
    def windows(over: bool = False) -> dict[str, Any]:
        now = clock.now()
        return {"maintenance": [window_document(one, now) for one in use.desk.windows(over=over)]}

    @routes.post("/maintenance", status_code=201)
    def add(asked: NewWindow) -> dict[str, Any]:
        now = clock.now()
        return {"maintenance": window_document(use.desk.add_window(asked.window(now)), now)}

    @routes.post("/maintenance/preview")
    def preview(asked: NewWindow) -> dict[str, Any]:
        return preview_document(use.of_window(asked.window(clock.now())))

    @routes.get("/maintenance/{window}")
    def one(window: str) -> dict[str, Any]:
        return {"maintenance": window_document(use.desk.window(window), clock.now())}

    @routes.post("/maintenance/{window}/end")
    def end(window: str, asked: WindowEnd) -> dict[str, Any]:
        ending = use.desk.end_this_time if asked.this_time else use.desk.end_window
        return {"maintenance": window_document(ending(window, asked.by), clock.now())}


def span(
    now: datetime, starts_at: datetime | None, ends_at: datetime | None, lasts_s: float | None
) -> tuple[datetime, datetime]:
    """From when to when; without a start it is now.

    Raises:
        InputError: a moment without a zone, or neither an end nor a length (or both).
    """
    start = zoned("starts_at", starts_at) or now
    if (ends_at is None) == (lasts_s is None):
        raise InputError("ends_at", "must be there, or lasts_s in its place")
    if lasts_s is not None:
        try:
            return start, start + timedelta(seconds=lasts_s)
        except OverflowError:
            raise InputError("lasts_s", "must end before the year 10000", lasts_s) from None
    end = zoned("ends_at", ends_at)
    assert end is not None
    return start, end


def zoned(name: str, moment: datetime | None) -> datetime | None:
    """A moment that names its zone.

    Raises:
        InputError: it names none.
    """
    if moment is not None and moment.tzinfo is None:
        raise InputError(name, "must name its time zone (such as Z)", moment.isoformat())
    return moment


def silence_document(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence as plain JSON, with its state."""
    told: dict[str, Any] = encode(silence)
    return {**told, "matchers": [str(one) for one in silence.matchers], "state": silence.state(now).value}


def window_document(window: Maintenance, now: datetime) -> dict[str, Any]:
    """A maintenance window as plain JSON: whether it is open, until when, and when it opens next."""
    told: dict[str, Any] = encode(window)
    until, following = window.until(now), window.next(now)
    return {
        **told,
        "matchers": [str(one) for one in window.matchers],
        "when": window.schedule.words if window.schedule is not None else "once",
        "open_until": until.isoformat() if until is not None else None,
        "opens_at": following.isoformat() if following is not None else None,
    }


def preview_document(preview: Preview) -> dict[str, Any]:
    """What would be held now, as plain JSON."""
    return {
        "count": preview.count,
        "findings": [finding.told() for finding in preview.findings],
        "entities": list(preview.entities),
        "unknown": list(preview.unknown),
    }
