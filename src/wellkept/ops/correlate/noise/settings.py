"""Noise as the configuration says it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Severity
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import InhibitRule, QuietHours
from wellkept.kernel.schedule import Schedule
from wellkept.ops.correlate.noise.base import FlapLimits
from wellkept.spine.matchers import Matching


class Part(BaseModel):
    """A key that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def _matcher(text: str) -> str:
    Matching([Matcher.of(text)])
    return text


MatcherText = Annotated[str, AfterValidator(_matcher)]
"""A matcher as Alertmanager writes it: ``severity=~"warning|info"``."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]


class Inhibit(Part):
    """While a source is open, its targets are held back."""

    name: Name
    source: Annotated[tuple[MatcherText, ...], Field(min_length=1)]
    """All have to match: ``alertname="NodeDown"``."""
    target: Annotated[tuple[MatcherText, ...], Field(min_length=1)]
    equal: tuple[str, ...] = ()
    """Labels in which both agree; one that is empty agrees with none."""

    def rule(self) -> InhibitRule:
        source, target = (tuple(map(Matcher.of, texts)) for texts in (self.source, self.target))
        return InhibitRule(self.name, source, target, self.equal)


class Quiet(Part):
    """Hours in which what is not severe waits until they end."""

    name: Name
    begins: str
    """Such as "22:00", on the wall clock of the zone. Over midnight where ``ends`` is not later."""
    ends: str
    zone: str = "UTC"
    weekdays: tuple[str, ...] = ()
    """Days on which they begin (mon, tue, ...); empty for every day."""
    below: Literal["warning", "error", "critical"] = "error"
    """Incidents less severe than this wait."""
    match: tuple[MatcherText, ...] = ()
    """Of these alone, by the labels of their findings; empty for all."""

    @model_validator(mode="after")
    def _is_a_schedule(self) -> Self:
        self.hours()
        return self

    def hours(self) -> QuietHours:
        schedule = Schedule(self.begins, self.ends, self.zone, self.weekdays)
        return QuietHours(self.name, schedule, Severity[self.below.upper()], tuple(map(Matcher.of, self.match)))


class NoiseSettings(Part):
    """What is held back from people."""

    flapping: FlapLimits = FlapLimits()
    effects: bool = True
    """Whether an incident is not told while all that it is about depends on another one that is at least as severe."""
    effects_hops: Annotated[int, Field(ge=1, le=10)] = 4
    """How many dependencies away the cause may be."""
    remedy_wait_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """So long nobody is told of an incident, unless it is critical, that a runbook is mending by itself; 0: at once."""
    inhibit: tuple[Inhibit, ...] = ()
    quiet_hours: tuple[Quiet, ...] = ()
    grouping: tuple[Path, ...] = ()
    """Files and folders of grouping rules (docs/noise.md); read again when they change."""

    @field_validator("inhibit", "quiet_hours")
    @classmethod
    def _names_are_unique(cls, given: tuple[Inhibit | Quiet, ...]) -> tuple[Inhibit | Quiet, ...]:
        names = [entry.name for entry in given]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("names", f"must be unique, got {twice[0]!r} twice")
        return given
