"""The routing tree: who is told of what. The first matching branch wins, unless it says ``continue``.

A branch inherits what it does not say itself. What no branch takes goes to the receivers at the top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from wellkept.spine.notify.conditions import When, either
from wellkept.spine.notify.facts import Facts
from wellkept.spine.webhooks.settings import Name, Part

INCIDENTS = ("incident",)
Seconds = Annotated[float, Field(ge=0)]


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


def in_force(root: Root, at: datetime) -> dict[str, bool]:
    """Every branch that has hours, and whether a moment is within them."""
    found = ((way.name, branch.when.during) for way, branch in ways(root) if branch is not None)
    return {name: any(hours.holds(at) for hours in during) for name, during in found if during}


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
            unmet = f"it takes {either(way.events)}, and this is {facts.event}"
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
