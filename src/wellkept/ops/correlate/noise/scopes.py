"""Silences and maintenance windows, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from wellkept.kernel.noise import Held, HoldReason, Maintenance, Silence, SilenceState
from wellkept.ops.correlate.noise.base import Book
from wellkept.spine.graph import Graph
from wellkept.spine.matchers import Matching

REACH = 10
"""Hops along which a maintenance window with dependents reaches."""


class Scopes:
    """What holds a finding for its labels or its entity, whatever else is the case."""

    def __init__(self, book: Book, graph: Graph) -> None:
        self._silences = [(silence, Matching(silence.matchers)) for silence in book.silences]
        self._windows = [(one, Matching(one.matchers), covered_by(one, graph)) for one in book.maintenance]

    def learn(self, many: Sequence[Mapping[str, str]]) -> None:
        for _, matching in self._silences:
            matching.learn(many)
        for _, matching, _ in self._windows:
            matching.learn(many)

    def hold(self, entity: str, labels: Mapping[str, str], now: datetime) -> Held | None:
        """The hold that lasts longest, silences first; None where there is none."""
        active = [s for s, m in self._silences if s.state(now) is SilenceState.ACTIVE and m.matches(labels)]
        if active:
            return _silenced(max(active, key=lambda silence: silence.ends_at))
        open_ones = [
            (until, window, covered.get(entity, ""))
            for window, matching, covered in self._windows
            if (until := window.until(now)) is not None
            and (not window.entities or entity in covered)
            and matching.matches(labels)
        ]
        return _maintained(*max(open_ones, key=lambda one: one[0])) if open_ones else None

    def next_edge(self, now: datetime) -> datetime | None:
        """When the next silence or window begins or ends."""
        edges: list[datetime | None] = []
        for silence, _ in self._silences:
            edges += [silence.starts_at, silence.ends_at]
        for window, _, _ in self._windows:
            edges += [window.until(now), window.next(now)]
        return min((edge for edge in edges if edge is not None and edge > now), default=None)


def covered_by(window: Maintenance, graph: Graph) -> dict[str, str]:
    """The entities that a window is about, each with the one named in it that it depends on (or is)."""
    found: dict[str, str] = {}
    if window.dependents:
        for entity in window.entities:
            found |= dict.fromkeys(graph.dependents(entity, REACH), entity)
    return {**found, **{entity: entity for entity in window.entities}}


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
