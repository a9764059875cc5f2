"""Which incidents are effects of another: what depends on what is in trouble already need not be told a second time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wellkept.kernel.noise import Held, HoldReason
from wellkept.spine.graph import Graph


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident as far as causes and effects go. ``began`` in seconds since the epoch."""

    incident: str
    title: str
    severity: int
    began: float
    entities: frozenset[str]


class Effects:
    """Finds effects along the topology: at most ``hops`` dependencies away, and not begun long before their cause."""

    def __init__(self, hops: int = 4, slack_s: float = 300.0) -> None:
        self._hops, self._slack_s = hops, slack_s
        self._graph: Graph | None = None
        self._at: dict[str, list[Trouble]] = {}
        """The incidents of the last call, by entity."""
        self._titles: dict[str, str] = {}
        self._below: dict[str, frozenset[str]] = {}

    def of(self, live: Sequence[Trouble], graph: Graph) -> dict[str, Held]:
        """The incidents that are effects, each with the hold that names its cause.

        All that an effect is about depends on its cause, which does not depend on it in turn and is at least as severe.
        Behind every effect stands an incident that is told: where causes run in a circle, the one that began first is.
        """
        causes = self._causes(live, graph)
        order = sorted(live, key=lambda one: (one.began, one.incident))
        told = [one.incident for one in order if not causes[one.incident]]
        by: dict[str, str] = {}
        self._spread(told, causes, by)
        for one in order:
            if one.incident not in by and causes[one.incident] and one.incident not in told:
                told.append(one.incident)
                self._spread([one.incident], causes, by)
        self._titles = {one.incident: one.title for one in live}
        return {effect: _held(cause, self._titles[cause]) for effect, cause in by.items() if effect not in told}

    def of_new(self, new: Trouble) -> Held | None:
        """The hold of an incident that was not among those of the last call, and so is nobody's cause yet."""
        if self._graph is None or new.incident in self._titles:
            return None
        self._look_down(new.entities)
        causes = self._causes_of(new, self._at, self._below)
        return _held(causes[0], self._titles[causes[0]]) if causes else None

    def _causes(self, live: Sequence[Trouble], graph: Graph) -> dict[str, list[str]]:
        if graph is not self._graph:
            self._graph, self._below = graph, {}
        self._at = {}
        for one in live:
            for entity in one.entities:
                self._at.setdefault(entity, []).append(one)
        self._look_down(self._at.keys())
        return {one.incident: self._causes_of(one, self._at, self._below) for one in live}

    def _look_down(self, entities: Collection[str]) -> None:
        assert self._graph is not None
        for entity in set(entities) - self._below.keys():
            self._below[entity] = frozenset(self._graph.dependencies(entity, self._hops))

    def _causes_of(
        self, effect: Trouble, at: Mapping[str, list[Trouble]], below: Mapping[str, frozenset[str]]
    ) -> list[str]:
        near = {
            cause.incident: cause
            for entity in effect.entities
            for target in below[entity] & at.keys()
            for cause in at[target]
            if cause.incident != effect.incident
        }
        return sorted(
            cause.incident
            for cause in near.values()
            if cause.severity >= effect.severity
            and cause.began <= effect.began + self._slack_s
            and _rests_on(effect.entities, cause.entities, below)
            and not _rests_on(cause.entities, effect.entities, below)
        )

    @staticmethod
    def _spread(told: Sequence[str], causes: Mapping[str, list[str]], by: dict[str, str]) -> None:
        """Everything that follows from what is told, however many steps on, is an effect."""
        known = set(told) | by.keys()
        while new := {
            effect: next(one for one in found if one in known)
            for effect, found in causes.items()
            if effect not in known and any(one in known for one in found)
        }:
            by |= new
            known |= new.keys()


def _held(cause: str, title: str) -> Held:
    words = f"an effect of {cause} ({title}): all that it is about depends on that"
    return Held(HoldReason.INHIBITED, {"cause": cause}, words)


def _rests_on(effect: frozenset[str], cause: frozenset[str], below: Mapping[str, frozenset[str]]) -> bool:
    """Whether each of the one depends on one of the other (or is one)."""
    return bool(effect) and all(entity in cause or below[entity] & cause for entity in effect)
