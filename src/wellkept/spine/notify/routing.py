"""The routing tree: who is told of what. The first matching branch wins, unless it says ``continue``.

A branch inherits what it does not say itself. What no branch takes goes to the receivers at the top.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from wellkept.kernel.finding import Severity
from wellkept.kernel.schedule import Schedule
from wellkept.spine.notify.facts import Facts
from wellkept.spine.webhooks.settings import Name, Part

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
INCIDENTS = ("incident",)


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
Seconds = Annotated[float, Field(ge=0)]


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
            return f"tier {facts.tier} is not {_or(str(tier) for tier in self.tiers)}"
        sets = {"kind": (self.kinds, facts.kinds), "entity": (self.entities, facts.entities)}
        for what, (patterns, values) in {**sets, "owner": (self.owners, facts.owners)}.items():
            if patterns and not _any(patterns, values):
                return f"no {what} is {_or(patterns)}"
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


class Branch(Part):
    """A branch of the tree. What it leaves out is as in the branch above it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True)

    name: Name
    when: When = When()
    receivers: tuple[Name, ...] = ()
    """Who is told."""
    escalation: str | None = None
    """The policy (`notify.escalations`) for what nobody acknowledges; `none` for none."""
    group_by: tuple[str, ...] | None = None
    """What makes incidents of a burst alike: `owner`, `kind`, `entity`, `severity`, `tier`, or a label."""
    group_wait_s: Seconds | None = None
    """This and the next ones: as in `notify.route`."""
    group_interval_s: Seconds | None = None
    repeat_s: Seconds | None = None
    digest_at: Annotated[int, Field(ge=2)] | None = None
    goes_on: Annotated[bool, Field(alias="continue")] = False
    """Whether the branches after this one are tried as well."""
    routes: tuple[Branch, ...] = ()
    """Branches within this one."""


class Root(Part):
    """The top of the tree: who is told where no branch says otherwise, and the rhythm."""

    receivers: tuple[Name, ...] = ()
    """Who is told of what no branch takes."""
    escalation: str = "none"
    """The policy for it; `none` for none."""
    group_by: tuple[str, ...] = ("owner",)
    """What makes incidents of a burst alike."""
    group_wait_s: Seconds = 10.0
    """How long the first message about an incident waits: for more of it, or for it to be over."""
    group_interval_s: Seconds = 300.0
    """In channels that cannot edit, and for what is not urgent: the shortest time between two messages."""
    repeat_s: Seconds = 14_400.0
    """An incident that is open and not acknowledged is told again after this; 0 for never."""
    digest_at: Annotated[int, Field(ge=2)] = 6
    """So many incidents that wait to be told at once become one message."""
    routes: tuple[Branch, ...] = ()
    """The branches."""


@dataclass(frozen=True, slots=True)
class Way:
    """A branch with everything that it inherits. ``path`` are the names down to it."""

    path: tuple[str, ...]
    receivers: tuple[str, ...]
    escalation: str
    group_by: tuple[str, ...]
    group_wait_s: float
    group_interval_s: float
    repeat_s: float
    digest_at: int
    events: tuple[str, ...] = INCIDENTS

    @property
    def name(self) -> str:
        return "/".join(self.path) or "top"


@dataclass(frozen=True, slots=True)
class Step:
    """One branch that was looked at, and why it took the thing or not."""

    route: str
    taken: bool
    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """The ways that something goes, and every branch that was looked at."""

    ways: tuple[Way, ...]
    steps: tuple[Step, ...]

    def takers(self) -> dict[str, Way]:
        """Receiver to the first way that names it."""
        found: dict[str, Way] = {}
        for way in self.ways:
            for receiver in way.receivers:
                found.setdefault(receiver, way)
        return found


def route(root: Root, facts: Facts, at: datetime) -> Routed:
    """Where something goes at a moment."""
    steps: list[Step] = []
    top = _top(root)
    ways = tuple(_below(top, root.routes, facts, at, steps))
    if not ways and facts.event in top.events and top.receivers:
        steps.append(Step("top", taken=True, why="no branch took it"))
        ways = (top,)
    return Routed(ways, tuple(steps))


def ways(root: Root) -> Iterator[tuple[Way, Branch | None]]:
    """Every branch with what it inherits, the top first."""
    top = _top(root)
    yield top, None
    yield from _walk(top, root.routes)


def unreachable(root: Root) -> Iterator[str]:
    """A sentence for every branch that nothing can reach."""
    yield from _hidden(_top(root), root.routes)


def _walk(above: Way, branches: tuple[Branch, ...]) -> Iterator[tuple[Way, Branch | None]]:
    for branch in branches:
        way = _inherited(above, branch)
        yield way, branch
        yield from _walk(way, branch.routes)


def _hidden(above: Way, branches: tuple[Branch, ...]) -> Iterator[str]:
    for index, branch in enumerate(branches):
        here = _inherited(above, branch)
        for earlier in branches[:index]:
            before = _inherited(above, earlier)
            if not earlier.goes_on and set(here.events) <= set(before.events) and earlier.when.covers(branch.when):
                yield f"route {here.name} is never reached: {before.name} takes all that it would take"
                break
        yield from _hidden(here, branch.routes)


def _below(above: Way, branches: tuple[Branch, ...], facts: Facts, at: datetime, steps: list[Step]) -> Iterator[Way]:
    for branch in branches:
        way = _inherited(above, branch)
        unmet = branch.when.unmet(facts, at)
        if facts.event not in way.events:
            unmet = f"it takes {_or(way.events)}, and this is {facts.event}"
        steps.append(Step(way.name, taken=not unmet, why=unmet or "all its conditions hold"))
        if unmet:
            continue
        deeper = tuple(_below(way, branch.routes, facts, at, steps))
        yield from deeper or (way,)
        if not branch.goes_on:
            return


def _top(root: Root) -> Way:
    rhythm = (root.group_wait_s, root.group_interval_s, root.repeat_s, root.digest_at)
    return Way((), root.receivers, root.escalation, root.group_by, *rhythm)


def _inherited(above: Way, branch: Branch) -> Way:
    given: Mapping[str, Any] = {
        name: value
        for name in ("escalation", "group_by", "group_wait_s", "group_interval_s", "repeat_s", "digest_at")
        if (value := getattr(branch, name)) is not None
    }
    return Way(
        path=(*above.path, branch.name),
        receivers=branch.receivers or above.receivers,
        events=branch.when.events or above.events,
        **{
            "escalation": above.escalation,
            "group_by": above.group_by,
            "group_wait_s": above.group_wait_s,
            "group_interval_s": above.group_interval_s,
            "repeat_s": above.repeat_s,
            "digest_at": above.digest_at,
            **given,
        },
    )


def _any(patterns: tuple[str, ...], values: Any) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in patterns)


def _or(words: Any) -> str:
    return " or ".join(words)
