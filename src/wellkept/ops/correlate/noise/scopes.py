"""Silences and maintenance windows, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from wellkept.kernel.entity import EntityKind
from wellkept.kernel.hostnames import host_in
from wellkept.kernel.noise import Held, HoldReason, Maintenance, Silence, SilenceState
from wellkept.ops.correlate.noise.base import Book
from wellkept.spine.graph import Graph
from wellkept.spine.matchers import Matching

REACH = 10
"""Hops along which a maintenance window with dependents reaches."""


class Scope:
    """A silence or a window, ready to be asked what it covers."""

    def __init__(self, what: Silence | Maintenance, graph: Graph) -> None:
        self.what, self._matching = what, Matching(what.matchers)
        is_window = isinstance(what, Maintenance) and bool(what.entities)
        self.covered = covered_by(what, graph) if isinstance(what, Maintenance) and is_window else None

    def covers(self, entity: str, labels: Mapping[str, str]) -> bool:
        return (self.covered is None or entity in self.covered) and self._matching.matches(labels)

    def learn(self, many: Sequence[Mapping[str, str]]) -> None:
        self._matching.learn(many)

    def until(self, now: datetime) -> datetime | None:
        """Until when it holds; None while it does not."""
        if isinstance(self.what, Maintenance):
            return self.what.until(now)
        return self.what.ends_at if self.what.state(now) is SilenceState.ACTIVE else None

    def edges(self, now: datetime) -> list[datetime | None]:
        if isinstance(self.what, Maintenance):
            return [self.what.until(now), self.what.next(now)]
        return [self.what.starts_at, self.what.ends_at]

    def held(self, entity: str, until: datetime) -> Held:
        if isinstance(self.what, Maintenance):
            return _maintained(until, self.what, self.covered.get(entity, "") if self.covered else "")
        return _silenced(self.what)


class Scopes:
    """What holds a finding for its labels or its entity, whatever else is the case."""

    def __init__(self, book: Book, graph: Graph) -> None:
        self._silences = [Scope(silence, graph) for silence in book.silences]
        self._windows = [Scope(window, graph) for window in book.maintenance]

    def learn(self, many: Sequence[Mapping[str, str]]) -> None:
        for scope in (*self._silences, *self._windows):
            scope.learn(many)

    def hold(self, entity: str, labels: Mapping[str, str], now: datetime) -> Held | None:
        """The hold that lasts longest, silences first; None where there is none."""
        for scopes in (self._silences, self._windows):
            found = [
                (until, scope)
                for scope in scopes
                if scope.covers(entity, labels) and (until := scope.until(now)) is not None
            ]
            if found:
                until, scope = max(found, key=lambda one: one[0])
                return scope.held(entity, until)
        return None

    def next_edge(self, now: datetime) -> datetime | None:
        """When the next silence or window begins or ends."""
        edges = [edge for scope in (*self._silences, *self._windows) for edge in scope.edges(now)]
        return min((edge for edge in edges if edge is not None and edge > now), default=None)

    def turned(self, before: datetime, now: datetime) -> list[Scope]:
        """Those that hold at one of the two moments alone, or until another time."""
        return [scope for scope in (*self._silences, *self._windows) if scope.until(before) != scope.until(now)]

    def other_than(self, before: Scopes) -> list[Scope]:
        """Those that are in one of the two alone, or cover other entities."""
        known = {scope.what: scope for scope in (*before._silences, *before._windows)}
        here = {scope.what: scope for scope in (*self._silences, *self._windows)}
        both = [(here[what], known[what]) for what in here.keys() & known.keys()]
        changed = [scope for pair in both if pair[0].covered != pair[1].covered for scope in pair]
        return [
            *changed,
            *(found[what] for found in (here, known) for what in here.keys() ^ known.keys() if what in found),
        ]


def covered_by(window: Maintenance, graph: Graph) -> dict[str, str]:
    """The entities that a window is about, each with the one named in it that it depends on (or is)."""
    found: dict[str, str] = {}
    meant = {entity: named for named in window.entities for entity in (named, *called(named, graph))}
    if window.dependents:
        for entity, named in meant.items():
            found |= dict.fromkeys(graph.dependents(entity, REACH), named)
    return {**found, **meant}


def called(entity: str, graph: Graph) -> list[str]:
    """Those known entities whose ids people would write so: with the name of a host where its ``host.id`` stands."""
    if entity in graph.entities:
        return [entity]
    name = host_in(entity)
    hosts = [host_in(one.id) for one in graph.entities.values() if one.kind is EntityKind.HOST and one.name == name]
    ids = [entity.replace(f":{name}", f":{host}", 1) for host in hosts if name]
    return [one for one in ids if one in graph.entities]


def _silenced(silence: Silence) -> Held:
    values = {"silence": silence.id, "by": silence.by, "comment": silence.comment}
    until = f"{silence.ends_at:%Y-%m-%d %H:%M} UTC"
    return Held(
        HoldReason.SILENCED, values, f"silenced by {silence.by} until {until}: {silence.comment}", silence.ends_at
    )


def _maintained(until: datetime, window: Maintenance, through: str) -> Held:
    values = {"maintenance": window.id, "name": window.name, "by": window.by}
    if through:
        values["entity"] = through
    about = f" of {through.partition(':')[2]}" if through else ""
    return Held(
        HoldReason.MAINTENANCE, values, f"maintenance{about} ({window.name}) until {until:%Y-%m-%d %H:%M} UTC", until
    )
