"""Where a finding may belong: the findings near it that it may hang on, each with how much speaks for it.

A finding looks only at its nearest neighbours in some lines (its entity, what that depends on, what stands beside it,
what it shares), so that placing one costs the same whatever else goes on, and depends on the set of findings alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.cooccurrence import CoOccurrence, Signs
from wellkept.ops.correlate.keys import Key
from wellkept.ops.correlate.lines import Lines, Order
from wellkept.ops.correlate.links import Link, Moment, beside, by_key, on_dependency, same_entity
from wellkept.ops.correlate.near import Neighbourhood

NEAREST = 3
"""How many findings before it one looks at in a line of an entity, or of what depends on one thing."""
_CANDIDATES = 30
_OPTIONS = 15
_GUESS = 0.1
_BASE = 7.0
_STEEP = 3.0
"""Any tie within its time speaks for it, the sooner the more: ``_BASE + log(weight) - _STEEP * share`` is above 0."""


class Option(NamedTuple):
    """One way in which a finding may have come: after ``other``, with what speaks for it against beginning by itself.

    ``score`` is a log-likelihood ratio; above 0 the finding hangs together with the other one.
    """

    score: float
    other: str
    link: Link
    likelihood: float
    """Per second, as learning counts it."""
    is_late: bool = False
    """The other one began later: an effect was noticed before its cause."""


@dataclass(slots=True, eq=False)
class Entry:
    """A finding with what placing needs of it."""

    finding: Finding
    order: Order
    moment: Moment
    signs: Signs
    keys: tuple[Key, ...] = ()
    options: tuple[Option, ...] = ()
    ways: tuple[Option, ...] = ()
    """The options that speak for hanging together rather than for beginning by itself, the best first."""
    explained_s: float = math.inf
    """How long before it the nearest thing began that explains it: 0 within ``beside_s``, infinite where nothing does.

    A cause that was noticed later counts only where it is nearer: else two findings would explain one another, and
    nothing the two.
    """
    partners: tuple[str, ...] = ()
    alone: float = 0.0
    weighed: float = 0.0
    """What the likelihoods of all ways come to, beginning by itself among them, as the entry was placed."""
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.order[2]


def entry_of(finding: Finding, keys: tuple[Key, ...]) -> Entry:
    """The entry of a finding, not yet placed."""
    moment = Moment.of(finding)
    return Entry(finding, (moment.start, -int(finding.severity), finding.id), moment, Signs.of(finding), keys)


class Places:
    """The lines in which findings stand, and the options of each. Holds no partition."""

    def __init__(self, settings: CorrelateSettings, near: Neighbourhood, memory: CoOccurrence) -> None:
        self._settings, self.near, self._memory = settings, near, memory
        self.entries: dict[str, Entry] = {}
        self._at, self._beside, self._keyed, self._signals, self._seekers = (Lines() for _ in range(5))

    def add(self, entry: Entry) -> None:
        """Put an entry into its lines."""
        self.entries[entry.id] = entry
        for lines, key in self._lines(entry):
            lines.add(key, entry.order)

    def remove(self, identity: str) -> None:
        """Take an entry out of its lines."""
        entry = self.entries.pop(identity)
        for lines, key in self._lines(entry):
            lines.remove(key, entry.order)
        self._seek(entry, ())

    def entities(self) -> Iterator[str]:
        """The entities that findings are about."""
        return self._at.keys()

    def on(self, entity: str) -> list[Entry]:
        """The entries on an entity, in order."""
        return [self.entries[o[2]] for o in self._at.since(entity, -math.inf, (math.inf, 0, ""))]

    def place(self, entry: Entry) -> None:
        """Work out the options of an entry anew."""
        if not entry.finding.entity and not entry.keys:
            entry.options = entry.ways = ()
            return
        options = [self._option(entry, other, link) for other, link in self._nearest_links(entry)]
        entry.alone = self._memory.alone(entry.signs)
        entry.weighed = entry.alone + sum(option.likelihood for option in options)
        entry.options = tuple(sorted(options, key=_best_first)[:_OPTIONS])
        entry.explained_s = self._explained_s(entry.options)
        late = self._later(entry) if entry.explained_s else ()
        self._keep(entry, [self._option(entry, other, link) for other, link in late])

    def offer(self, entry: Entry, cause: Entry) -> bool:
        """Whether a cause that began after the entry is a new option of it; the others stay as they are."""
        link = self._caused(entry, cause)
        if link is None or any(option.other == cause.id for option in entry.options):
            return False
        before = entry.ways
        self._keep(entry, [self._option(entry, cause, link)])
        return entry.ways != before

    def is_last(self, entry: Entry) -> bool:
        """Whether nothing on its entity began after the entry: then it takes no other's place as the next one."""
        return not self._at.after(entry.finding.entity, entry.order, 1)

    def later_seekers(self, entry: Entry) -> Iterator[Entry]:
        """The entries after this one that look at it, or would if it were there: all that place anew with it."""
        entity = entry.finding.entity
        if entity:
            after = self._at.after(entity, entry.order, NEAREST)
            high = after[-1] if len(after) == NEAREST else (math.inf, 0, "")
            for place in (entity, *self._active_above(entity)):
                for order in self._at.between(place, entry.order, (high[0], high[1], high[2] + "\0")):
                    yield self.entries[order[2]]
            for place in self.near.below(entity):
                for order in self._at.between(place, entry.order, (entry.order[0], 99, "")):
                    yield self.entries[order[2]]
            for hub in self.near.hubs(entity):
                for order in self._beside.after(hub.entity, entry.order, NEAREST):
                    yield self.entries[order[2]]
        for key in entry.keys:
            for order in self._keyed.after(_name(key), entry.order, 1):
                yield self.entries[order[2]]
        yield from self._seeking(entry)

    def earlier_seekers(self, entry: Entry) -> Iterator[Entry]:
        """The entries before this one that it may be the cause of: their next on its entity is this one.

        Those that something nearer before them explains do not look at it.
        """
        entity = entry.finding.entity
        if not entity:
            return
        previous = self._at.before(entity, entry.order, 1)
        reach = max(self._settings.onset_s, self._settings.model_onset_s)
        low = max([(entry.order[0] - reach, -99, ""), *previous])
        for place in self._active_above(entity):
            for order in self._at.between(place, low, entry.order):
                effect = self.entries[order[2]]
                if entry.moment.start - effect.moment.start < effect.explained_s:
                    yield effect

    def unrelated_before(self, entry: Entry, line: Iterable[Order]) -> Iterator[Signs]:
        """Of some findings shortly before, the signs of those that nothing but time brings near this one."""
        entity = entry.finding.entity
        below, hubs = self.near.below(entity), set(self.near.hubs(entity))
        for order in line:
            other = self.entries.get(order[2])
            if other is None or entry.moment.start - order[0] > self._settings.beside_s / 2:
                continue
            place = other.finding.entity
            related = place == entity or place in below or entity in self.near.below(place)
            if place and entity and not related and hubs.isdisjoint(self.near.hubs(place)):
                yield other.signs

    def _lines(self, entry: Entry) -> Iterator[tuple[Lines, str]]:
        entity = entry.finding.entity
        if entity:
            yield self._at, entity
            for hub in self.near.hubs(entity):
                yield self._beside, hub.entity
        for key in entry.keys:
            yield self._keyed, _name(key)
        yield self._signals, entry.signs.what

    def _active_above(self, entity: str) -> Iterator[str]:
        above = (place for place in sorted(self.near.above(entity)) if place in self._at)
        return (place for place in above if entity in self.near.below(place))

    def _nearest_links(self, entry: Entry) -> list[tuple[Entry, Link]]:
        """What began before the entry and is tied to it, the nearest in time; of two ties the later told counts.

        Links are worked out for the nearest alone: in a dense topology hundreds are looked at.
        """
        told: dict[str, list[Callable[[], Link | None]]] = {}
        for identity, link_of in self._earlier(entry):
            told.setdefault(identity, []).append(link_of)
        start, entries = entry.moment.start, self.entries
        found: list[tuple[Entry, Link]] = []
        for other in sorted((entries[i] for i in told), key=lambda o: (start - o.moment.start, o.id)):
            link = next(filter(None, (link_of() for link_of in reversed(told[other.id]))), None)
            if link is not None:
                found.append((other, link))
                if len(found) == _CANDIDATES:
                    break
        return found

    def _earlier(self, entry: Entry) -> Iterator[tuple[str, Callable[[], Link | None]]]:
        """What began before the entry and may be tied to it, each with how to work out by what.

        What began at the very same moment has no order: there an effect may stand before its cause.
        """
        entity, settings, moment = entry.finding.entity, self._settings, entry.moment
        for signal in self._seek(entry, self._memory.partners(entry.signs)):
            for other in self._nearest(self._signals, signal, entry, 1):
                yield other.id, partial(by_key, Tie.CO_OCCURRENCE, moment, other.moment, settings, signal)
        for key in reversed(entry.keys):
            for other in self._nearest(self._keyed, _name(key), entry, 1):
                yield other.id, partial(by_key, key.tie, moment, other.moment, settings, key.what, key.within_s)
        if not entity:
            return
        mine = (entry.finding, moment)
        for hub in self.near.hubs(entity):
            for other in self._nearest(self._beside, hub.entity, entry, NEAREST):
                if other.finding.entity != entity:
                    yield other.id, partial(beside, mine, (other.finding, other.moment), hub, settings)
        for place in self._active_above(entity):
            relation = self.near.below(place)[entity]
            for order in self._at.since(place, entry.order[0], entry.order):
                other = self.entries[order[2]]
                yield other.id, partial(on_dependency, (other.finding, other.moment), mine, relation, settings)
        for place, relation in self.near.below(entity).items():
            for other in self._nearest(self._at, place, entry, NEAREST):
                yield other.id, partial(on_dependency, mine, (other.finding, other.moment), relation, settings)
        for other in self._nearest(self._at, entity, entry, NEAREST):
            yield other.id, partial(same_entity, moment, other.moment, settings)

    def _later(self, entry: Entry) -> Iterator[tuple[Entry, Link]]:
        """Causes that were noticed after their effect: the next finding on each thing that the entity depends on."""
        for place in self.near.below(entry.finding.entity) if entry.finding.entity else ():
            for order in self._at.after(place, entry.order, 1):
                other = self.entries[order[2]]
                yield from _some(other, self._caused(entry, other))

    def _caused(self, entry: Entry, cause: Entry) -> Link | None:
        relation = self.near.below(entry.finding.entity).get(cause.finding.entity)
        if relation is None:
            return None
        return on_dependency((entry.finding, entry.moment), (cause.finding, cause.moment), relation, self._settings)

    def _option(self, entry: Entry, other: Entry, link: Link) -> Option:
        """What speaks for a link: topology and time at first, and the more was learned, the more that."""
        is_late = other.order > entry.order
        before, after = (entry, other) if is_late else (other, entry)
        guess = _BASE + math.log(link.weight) - _STEEP * link.share
        memory = self._memory
        likelihood = memory.follows(before.signs, after.signs, _GUESS * link.weight) * memory.density(
            link.lag_s, link.window_s, link.is_covered
        )
        trust = 0.0 if link.tie is Tie.RULE else memory.trust(after.signs)
        learned = math.log(max(likelihood, 1e-300) / memory.alone(after.signs)) if trust else 0.0
        score = (1.0 - trust) * guess + trust * learned
        return Option(score, other.id, link, likelihood, is_late)

    def _keep(self, entry: Entry, late: Iterable[Option]) -> None:
        """Take the best of causes that were noticed after an entry beside its options."""
        nearer = (option for option in late if option.link.lag_s < entry.explained_s)
        best = sorted((*entry.options, *nearer), key=_best_first)
        first = next((option for option in best if option.is_late), None)
        entry.options = tuple(option for option in best if not option.is_late or option is first)
        entry.ways = tuple(option for option in entry.options if option.score > 0.0)

    def _explained_s(self, before: Iterable[Option]) -> float:
        nearest = min((option.link.lag_s for option in before if option.score > 0.0), default=math.inf)
        return nearest if nearest > self._settings.beside_s else 0.0

    def _nearest(self, lines: Lines, key: str, entry: Entry, count: int) -> Iterator[Entry]:
        return (self.entries[order[2]] for order in lines.before(key, entry.order, count))

    def _seek(self, entry: Entry, partners: tuple[str, ...]) -> tuple[str, ...]:
        if partners != entry.partners:
            for signal in entry.partners:
                self._seekers.remove(signal, entry.order)
            for signal in partners:
                self._seekers.add(signal, entry.order)
            entry.partners = partners
        return partners

    def _seeking(self, entry: Entry) -> Iterator[Entry]:
        after = self._signals.after(entry.signs.what, entry.order, 1)
        high = after[0] if after else (math.inf, 0, "")
        for order in self._seekers.between(entry.signs.what, entry.order, (high[0], high[1], high[2] + "\0")):
            yield self.entries[order[2]]


def _best_first(option: Option) -> tuple[float, float, str]:
    return (-option.score, option.link.lag_s, option.other)


def shares(entry: Entry, entries: Mapping[str, Entry]) -> list[tuple[Signs, float, float]]:
    """How likely the entry came after each of its options, as learning counts it: signs, share, seconds between."""
    told = [(entries[o.other], o) for o in entry.options if not o.is_late and o.other in entries]
    return [(other.signs, option.likelihood / entry.weighed, option.link.lag_s) for other, option in told]


def alone(entry: Entry) -> float:
    """How likely the entry began by itself, as learning counts it."""
    return entry.alone / entry.weighed if entry.weighed else 1.0


def _some(other: Entry, link: Link | None) -> Iterator[tuple[Entry, Link]]:
    if link is not None:
        yield other, link


def _name(key: Key) -> str:
    return f"{key.tie} {key.what}"
