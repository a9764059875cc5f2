"""Parts of findings, merged from the strongest tie down, and never across what keeps them apart."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from wellkept.ops.correlate.placing import Entry, Option

_NONE: frozenset[str] = frozenset()
_REPEATS = 3
_REPEATED_SHARE = 0.15
"""Two parts are two outbreaks when so many signals, and this share of the smaller one's, began anew in the other."""


@dataclass(slots=True, eq=False)
class Part:
    """Findings that are one problem so far, and the ties by which they came together: (finding, its option)."""

    ids: list[str]
    ties: list[tuple[str, Option]] = field(default_factory=list)
    signals: int = 0
    """A bit for each of its signals, as ``merged`` numbers them for the time that it takes."""
    tags: frozenset[str] = _NONE
    """On which sides of which constraints its findings stand: ``3+`` or ``3-``."""
    has_late: bool = False
    """A finding in it hangs on a cause that began later."""

    def absorb(self, other: Part) -> None:
        """Take everything of another part."""
        self.ids += other.ids
        self.ties += other.ties
        self.signals |= other.signals
        if other.tags:
            self.tags |= other.tags
        self.has_late |= other.has_late

    def hang(self, identity: str, option: Option) -> None:
        """Note a tie of one of its findings."""
        self.ties.append((identity, option))
        self.has_late |= option.is_late

    def may_join(self, other: Part) -> bool:
        """Whether nothing that somebody said keeps the two apart, and they are not the same trouble twice."""
        return not self.is_apart(other) and not self._is_repeated(other)

    def is_apart(self, other: Part) -> bool:
        """Whether somebody said that findings of the two are different problems."""
        return bool(self.tags) and any(_opposite(tag) in other.tags for tag in self.tags)

    def _is_repeated(self, other: Part) -> bool:
        repeated = (self.signals & other.signals).bit_count()
        if repeated < _REPEATS:
            return False
        return repeated > _REPEATED_SHARE * min(self.signals.bit_count(), other.signals.bit_count())


def _opposite(tag: str) -> str:
    return tag[:-1] + ("-" if tag[-1] == "+" else "+")


def merged(
    entries: Sequence[Entry], pinned: Iterable[Sequence[str]], tags: Callable[[str], frozenset[str]] | None
) -> list[Part]:
    """The parts of some findings that hang together with no others.

    ``pinned`` are ids that belong together whatever speaks for it; ``tags`` tells the constraints on a finding, where
    there are any. A finding joins by its best option; where the two parts may not join, by its next.
    """
    bits: dict[str, int] = {}
    parts: dict[str, Part] = {}
    for entry in entries:
        bit = bits.setdefault(entry.signs.what, 1 << len(bits))
        parts[entry.id] = Part([entry.id], [], bit, tags(entry.id) if tags else _NONE)
    for ids in pinned:
        known = [identity for identity in ids if identity in parts]
        for other in known[1:]:
            if not parts[known[0]].is_apart(parts[other]):
                join(parts, known[0], other)
    options = {entry.id: entry.ways for entry in entries}
    waiting = [(-ways[0].score, ways[0].link.lag_s, identity, 0) for identity, ways in options.items() if ways]
    heapq.heapify(waiting)
    while waiting:
        _, _, identity, at = heapq.heappop(waiting)
        option = options[identity][at]
        mine, theirs = parts[identity], parts[option.other]
        if mine is theirs:
            mine.hang(identity, option)
        elif mine.may_join(theirs):
            join(parts, identity, option.other).hang(identity, option)
        elif at + 1 < len(options[identity]):
            following = options[identity][at + 1]
            heapq.heappush(waiting, (-following.score, following.link.lag_s, identity, at + 1))
    return list({id(part): part for part in parts.values()}.values())


def join(parts: dict[str, Part], one: str, other: str) -> Part:
    """Merge the parts of two findings, the smaller into the larger; returns what became of them."""
    a, b = parts[one], parts[other]
    if a is b:
        return a
    if len(a.ids) < len(b.ids):
        a, b = b, a
    a.absorb(b)
    for identity in b.ids:
        parts[identity] = a
    return a


def connected(entries: Mapping[str, Entry], pinned: Iterable[Sequence[str]]) -> list[list[Entry]]:
    """The entries by what could ever hang together: by any of their options, or pinned."""
    reached = {identity: [entry] for identity, entry in entries.items()}
    for entry in entries.values():
        mine = reached[entry.id]
        for option in entry.ways:
            theirs = reached.get(option.other)
            if theirs is not None and theirs is not mine:
                mine = _united(reached, mine, theirs)
    for ids in pinned:
        known = [identity for identity in ids if identity in entries]
        for one, other in pairwise(known):
            if reached[one] is not reached[other]:
                _united(reached, reached[one], reached[other])
    return list({id(some): some for some in reached.values()}.values())


def _united(reached: dict[str, list[Entry]], some: list[Entry], others: list[Entry]) -> list[Entry]:
    small, large = (some, others) if len(some) < len(others) else (others, some)
    large += small
    for entry in small:
        reached[entry.id] = large
    return large
