"""What somebody said of findings: that some are one problem, that others are not. What was said last counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pin:
    """Findings that belong together, in the order of their ids, and who said so; empty: they were together before."""

    ids: tuple[str, ...]
    by: str


class Constraints:
    """Which findings belong together and which do not, without contradiction."""

    def __init__(self) -> None:
        self._pins: list[Pin] = []
        self._apart: list[tuple[frozenset[str], frozenset[str]]] = []
        self._tags: dict[str, frozenset[str]] = {}
        self._pinned: dict[str, list[Pin]] = {}

    @property
    def is_empty(self) -> bool:
        return not self._pins and not self._apart

    def together(self, ids: Iterable[str], by: str) -> bool:
        """Say that findings are one problem; whether that was news."""
        pin = Pin(tuple(sorted(set(ids))), by)
        if len(pin.ids) < 2 or pin in self._pins:
            return False
        said = frozenset(pin.ids)
        kept: list[tuple[frozenset[str], frozenset[str]]] = []
        for some, others in self._apart:
            kept += [(some - said, others), (some & said, others - said)]
        self._apart = [(some, others) for some, others in kept if some and others]
        self._pins = [old for old in self._pins if not (old.by == by and said.issuperset(old.ids))]
        self._pins.append(pin)
        self._index()
        return True

    def apart(self, some: Iterable[str], others: Iterable[str]) -> bool:
        """Say that none of some findings is one problem with any of the others; whether that was news."""
        one, other = frozenset(some), frozenset(others)
        other -= one
        if not one or not other or (one, other) in self._apart:
            return False
        kept: list[Pin] = []
        for pin in self._pins:
            ids = frozenset(pin.ids)
            sides = (ids - other, ids & other) if ids & one and ids & other else (ids,)
            kept += [Pin(tuple(sorted(side)), pin.by) for side in sides if len(side) > 1]
        self._pins = kept
        self._apart.append((one, other))
        self._index()
        return True

    def forget(self, ids: Iterable[str]) -> None:
        """Let go of findings."""
        gone = frozenset(ids)
        if gone.isdisjoint(self._tags) and gone.isdisjoint(self._pinned):
            return
        pins = (Pin(tuple(i for i in pin.ids if i not in gone), pin.by) for pin in self._pins)
        self._pins = [pin for pin in pins if len(pin.ids) > 1]
        apart = ((some - gone, others - gone) for some, others in self._apart)
        self._apart = [(some, others) for some, others in apart if some and others]
        self._index()

    def tags(self, identity: str) -> frozenset[str]:
        """On which sides of what was said apart a finding stands."""
        return self._tags.get(identity, _NONE)

    def pins(self, ids: Iterable[str]) -> list[Pin]:
        """What was said together of any of these findings, in the order in which it was said."""
        found = {id(pin): pin for identity in ids for pin in self._pinned.get(identity, ())}
        return sorted(found.values(), key=self._pins.index) if len(found) > 1 else list(found.values())

    def is_pinned(self, identity: str) -> bool:
        return identity in self._pinned

    def _index(self) -> None:
        tags: dict[str, set[str]] = defaultdict(set)
        for number, (some, others) in enumerate(self._apart):
            for side, ids in (("+", some), ("-", others)):
                for identity in ids:
                    tags[identity].add(f"{number}{side}")
        self._tags = {identity: frozenset(found) for identity, found in tags.items()}
        pinned: dict[str, list[Pin]] = defaultdict(list)
        for pin in self._pins:
            for identity in pin.ids:
                pinned[identity].append(pin)
        self._pinned = dict(pinned)
