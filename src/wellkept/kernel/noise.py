"""What holds trouble back from people: silences, maintenance windows, and the reasons why a finding is not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wellkept.kernel.errors import InputError
from wellkept.kernel.matching import Matcher
from wellkept.kernel.schedule import Schedule

LONGEST_TEXT = 1_000


class HoldReason(StrEnum):
    """Why a finding, or an incident, is not told."""

    SILENCED = "silenced"
    """Somebody silenced it."""
    MAINTENANCE = "maintenance"
    """Its entity is worked on, or what it depends on is."""
    INHIBITED = "inhibited"
    """It is the effect of something that is told."""
    FLAPPING = "flapping"
    """It comes and goes; that is told once, as a finding of its own."""
    TOO_FEW = "too_few"
    """A grouping rule asks for more than there is yet."""
    QUIET_HOURS = "quiet_hours"
    """It is not bad enough to be told now."""
    REMEDY = "remedy"
    """A remedy is at work by itself."""


@dataclass(frozen=True, slots=True)
class Held:
    """A hold: its reason, the values that it rests on, both as a sentence, and when it ends (None: unknown)."""

    reason: HoldReason
    values: Mapping[str, str]
    sentence: str
    until: datetime | None = None

    @property
    def words(self) -> str:
        """In one line that begins with the reason, as incidents and their members carry it."""
        said = self.sentence
        return said if said.startswith(self.reason.value) else f"{self.reason.value}: {said}"


def reason_of(words: str) -> HoldReason | None:
    """The reason in a line that :attr:`Held.words` gave; None where there is none."""
    return next((reason for reason in HoldReason if words.startswith(reason.value)), None)


def sentence_of(words: str) -> str:
    """What such a line says, without a reason before it."""
    reason = reason_of(words)
    return words.removeprefix(f"{reason.value}: ") if reason is not None else words


class SilenceState(StrEnum):
    """Where a silence is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """Findings that all matchers match are held from ``starts_at`` until ``ends_at``."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    by: str
    comment: str
    updated_at: datetime

    def __post_init__(self) -> None:
        if not self.matchers:
            raise InputError("silence.matchers", "must hold at least one matcher")
        if self.ends_at <= self.starts_at:
            raise InputError("silence.ends_at", f"must be after its start {self.starts_at.isoformat()}", self.ends_at)
        _said("silence.by", self.by)
        _said("silence.comment", self.comment)

    def state(self, now: datetime) -> SilenceState:
        if now >= self.ends_at:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if now >= self.starts_at else SilenceState.PENDING


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which work is done: once (``starts_at``, ``ends_at``) or again and again (``schedule``).

    A recurring one may have a first and a last moment, too. It covers findings about ``entities`` (any, where there are
    none), with ``dependents`` also those about what depends on them, as far as all ``matchers`` match.
    """

    id: str
    name: str
    by: str
    comment: str
    updated_at: datetime
    entities: tuple[str, ...] = ()
    dependents: bool = True
    matchers: tuple[Matcher, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        where = f"maintenance {self.name}"
        _said("maintenance.name", self.name)
        _said("maintenance.by", self.by)
        if len(self.comment) > LONGEST_TEXT:
            raise InputError(f"{where}: comment", f"must have at most {LONGEST_TEXT} characters", len(self.comment))
        if not self.entities and not self.matchers:
            raise InputError(f"{where}: entities", "must name an entity, or there must be matchers")
        for entity in self.entities:
            if not all(entity.partition(":")):
                raise InputError(f"{where}: entities", "must be like service:shop/checkout", entity)
        if self.schedule is None and (self.starts_at is None or self.ends_at is None):
            raise InputError(where, "must have starts_at and ends_at, or a schedule")
        if self.starts_at is not None and self.ends_at is not None and self.ends_at <= self.starts_at:
            raise InputError(f"{where}: ends_at", f"must be after its start {self.starts_at.isoformat()}", self.ends_at)

    def until(self, now: datetime) -> datetime | None:
        """Until when the window that is open now lasts; None while none is."""
        if self.starts_at is not None and now < self.starts_at:
            return None
        if self.ends_at is not None and now >= self.ends_at:
            return None
        if self.schedule is None:
            return self.ends_at
        found = self.schedule.at(now)
        if found is None:
            return None
        return found.end if self.ends_at is None else min(found.end, self.ends_at)

    def next(self, now: datetime) -> datetime | None:
        """When the next window opens; None when none will."""
        first = max(now, self.starts_at) if self.starts_at is not None else now
        if self.schedule is None:
            return self.starts_at if self.starts_at is not None and self.starts_at > now else None
        here = self.schedule.at(first) if first > now else None
        found = first if here is not None else getattr(self.schedule.after(first), "start", None)
        return found if found is not None and (self.ends_at is None or found < self.ends_at) else None

    def is_over(self, now: datetime) -> bool:
        return self.ends_at is not None and now >= self.ends_at


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source is open, targets with the same ``equal`` labels are held. An empty label equals none."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When incidents below a severity are not told, but at the end, as one digest."""

    name: str
    schedule: Schedule
    below: int
    """Severities below this one are held (:class:`wellkept.kernel.finding.Severity`)."""
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldFinding:
    """A finding that is, or was, held: what is kept of it, so that nothing that is held is out of sight.

    Of an incident that is held as a whole the same is kept, with ``incident`` in the place of ``finding``.
    """

    finding: str
    fingerprint: str
    entity: str
    held: Held
    since: datetime
    ended_at: datetime | None = None
    """When the hold ended; None while it goes on."""
    incident: str = ""

    @property
    def subject(self) -> str:
        """The id of what is held."""
        return self.finding or self.incident


@dataclass(frozen=True, slots=True)
class Told:
    """How often a fingerprint was told: in how many occurrences, how many times, first and last."""

    fingerprint: str
    occurrences: int
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """What quiet hours held, told once at their end. ``incidents`` are those that are still live."""

    id: str
    name: str
    started_at: datetime
    ended_at: datetime
    incidents: tuple[str, ...]
    over: tuple[str, ...] = field(default=())
    """Incidents that were held and were over before the quiet hours were."""
    sentence: str = ""


def _said(what: str, text: str) -> None:
    if not text.strip():
        raise InputError(what, "must not be empty")
    if len(text) > LONGEST_TEXT:
        raise InputError(what, f"must have at most {LONGEST_TEXT} characters", len(text))
