"""What a route can ask: conditions on facts, and hours of days."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from wellkept.kernel.finding import Severity
from wellkept.kernel.schedule import Schedule
from wellkept.spine.notify.facts import Facts
from wellkept.spine.webhooks.settings import Part

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _days(value: Any) -> Any:
    """``mon-fri`` stands for five days, and may go over Sunday (``sat-mon``)."""
    if not isinstance(value, str):
        return value
    first, dash, last = value.partition("-")
    if not dash or first not in DAYS or last not in DAYS:
        return [value]
    start, count = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 + 1
    return [DAYS[(start + step) % 7] for step in range(count)]


Glob = Annotated[str, Field(min_length=1, max_length=300)]
SeverityName = Literal["info", "warning", "error", "critical"]
EventName = Literal["incident", "approval", "plan", "rollback"]


class Hours(Part):
    """Some hours of some days. They may go over midnight; the day is then that of their start."""

    days: Annotated[tuple[Day, ...], BeforeValidator(_days)] = ()
    """`mon-fri`, or a list; every day where nothing is said."""
    start: str = "00:00"
    """In quotes: `"08:00"`."""
    end: str = "00:00"
    """No longer in it; the same as `start` is a whole day."""
    zone: str = "UTC"
    """Such as Europe/Berlin."""

    @model_validator(mode="after")
    def _is_a_schedule(self) -> Self:
        self.schedule()  # raises an InputError, which is a ValueError, where it is none
        return self

    def schedule(self) -> Schedule:
        return Schedule(self.start, self.end, self.zone, self.days)

    def holds(self, at: datetime) -> bool:
        """Whether a moment is within them."""
        return self.schedule().at(at) is not None


class When(Part):
    """Conditions: all that are given must hold, and of a list one is enough. `*` stands for anything."""

    events: tuple[EventName, ...] = ()
    """`incident`, `approval` (a plan waits for somebody), `plan` (done or failed), `rollback`; empty: as the branch
    above says, and at the top incidents alone."""
    at_least: SeverityName | None = None
    """This severity or a worse one."""
    kinds: tuple[Glob, ...] = ()
    """Kinds of entities: `service`, `host`, `model`, ..."""
    entities: tuple[Glob, ...] = ()
    """Such as `service:shop/*`."""
    owners: tuple[Glob, ...] = ()
    """Teams."""
    tiers: tuple[Annotated[int, Field(ge=1, le=5)], ...] = ()
    """1 is what everything stops without; the most important entity counts."""
    labels: dict[str, Glob] = Field(default_factory=dict)
    """Attributes of entities: `{deployment.environment.name: prod}`."""
    during: tuple[Hours, ...] = ()
    """Hours in which it holds."""

    def unmet(self, facts: Facts, at: datetime) -> str:
        """The first condition that does not hold, as a sentence; empty where all do."""
        if self.at_least is not None and facts.severity < Severity[self.at_least.upper()]:
            return f"severity {facts.severity.name.lower()} is below {self.at_least}"
        if self.tiers and facts.tier not in self.tiers:
            return f"tier {facts.tier} is not {either(str(tier) for tier in self.tiers)}"
        sets = {"kind": (self.kinds, facts.kinds), "entity": (self.entities, facts.entities)}
        for what, (patterns, values) in {**sets, "owner": (self.owners, facts.owners)}.items():
            if patterns and not _any(patterns, values):
                return f"no {what} is {either(patterns)}"
        for name, pattern in self.labels.items():
            if not _any((pattern,), facts.labels.get(name, ())):
                return f"label {name} is not {pattern}"
        if self.during and not any(hours.holds(at) for hours in self.during):
            return "it is outside the hours of this route"
        return ""

    def covers(self, other: When) -> bool:
        """Whether everything that meets the other meets this one, as far as can be told from the conditions."""
        mine = Severity[self.at_least.upper()] if self.at_least else Severity.INFO
        theirs = Severity[other.at_least.upper()] if other.at_least else Severity.INFO
        sets = ((self.tiers, other.tiers), (self.kinds, other.kinds), (self.entities, other.entities))
        lists = (*sets, (self.owners, other.owners), (self.during, other.during))
        return (
            mine <= theirs
            and all(not ours or (others and set(others) <= set(ours)) for ours, others in lists)
            and all(other.labels.get(name) == pattern for name, pattern in self.labels.items())
        )


def _any(patterns: tuple[str, ...], values: Any) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in patterns)


def either(words: Iterable[str]) -> str:
    """Words with "or" between them."""
    return " or ".join(words)
