"""Blocks: findings that could ever hang together, parted again when something in them changed.

Where nothing keeps findings of a block apart, each is simply one with what it hangs on most, so that a newcomer costs
a look-up, in a storm of a hundred thousand too. Otherwise the block is parted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wellkept.ops.correlate.constraints import Constraints
from wellkept.ops.correlate.merging import Part, connected, join, merged
from wellkept.ops.correlate.placing import Entry


class Block:
    """Ids of findings, the signals among them, and how many of those stand there twice."""

    __slots__ = ("has_constraints", "ids", "repeats", "signals")

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.signals: set[str] = set()
        self.repeats = 0
        self.has_constraints = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing in it can be kept apart."""
        return self.repeats < 3 and not self.has_constraints

    def add(self, entry: Entry, is_constrained: bool) -> None:
        self.ids.add(entry.id)
        self.repeats += entry.signs.what in self.signals
        self.signals.add(entry.signs.what)
        self.has_constraints |= is_constrained

    def absorb(self, other: Block) -> None:
        small, large = sorted((self.signals, other.signals), key=len)
        self.repeats += other.repeats + sum(signal in large for signal in small)
        large |= small
        self.signals = large
        self.ids |= other.ids
        self.has_constraints |= other.has_constraints


class Blocks:
    """The partition, kept up with the options of the entries."""

    def __init__(self, entries: Mapping[str, Entry], constraints: Constraints) -> None:
        self._entries, self._constraints = entries, constraints
        self._block: dict[str, Block] = {}
        self._part: dict[str, Part] = {}
        self._fresh: dict[str, None] = {}
        self._changed: set[str] = set()
        self._top: dict[str, str] = {}
        """What each entry hangs on most, as far as it is joined with that."""
        self._rebuild: dict[int, Block] = {}

    def renew(self, identity: str) -> None:
        """An entry that is new, or stands somewhere else than it stood."""
        if identity in self._block:
            self.rebuild([identity])
            self._changed.add(identity)
        else:
            self._fresh[identity] = None

    def changed(self, identity: str) -> None:
        """An entry has other options than it had."""
        if identity not in self._fresh:
            self._changed.add(identity)

    def drop(self, identity: str) -> None:
        """An entry that is gone."""
        self._fresh.pop(identity, None)
        self._changed.discard(identity)
        self._part.pop(identity, None)
        self._top.pop(identity, None)
        block = self._block.pop(identity, None)
        if block is not None:
            block.ids.discard(identity)
            self._rebuild[id(block)] = block

    def rebuild(self, ids: Iterable[str]) -> None:
        """Part the blocks of these entries anew, as what was said of them is another."""
        for identity in ids:
            if identity in self._block:
                self._rebuild[id(self._block[identity])] = self._block[identity]

    def parts(self) -> list[Part]:
        """All parts."""
        return list({id(part): part for part in self._part.values()}.values())

    def settle(self, touched: Iterable[str]) -> list[Part]:
        """Bring the partition up to date; returns the parts that changed or hold something touched."""
        for identity in self._fresh:
            block = self._block[identity] = Block()
            block.add(self._entries[identity], self._is_constrained(identity))
        for identity in (*self._fresh, *self._changed):
            self._connect(identity)
        joined = [identity for identity in self._fresh if not self._is_due(identity)]
        joined += [identity for identity in self._changed if not self._is_due(identity, self._top.get(identity))]
        found = {id(part): part for part in (*self._joined(joined), *self._anew())}
        for identity in touched:
            part = self._part.get(identity)
            if part is not None:
                found[id(part)] = part
        self._fresh.clear()
        self._changed.clear()
        live = {id(self._part[part.ids[0]]) for part in found.values()}
        return [part for part in found.values() if id(part) in live]

    def _is_constrained(self, identity: str) -> bool:
        return bool(self._constraints.tags(identity)) or self._constraints.is_pinned(identity)

    def _is_due(self, identity: str, top: str | None = None) -> bool:
        """Whether the entry's block must be parted anew: it is not plain, or what the entry hung on most changed."""
        block = self._block[identity]
        if not block.is_plain or (top is not None and not self._stays(identity, top)):
            self._rebuild[id(block)] = block
        return id(block) in self._rebuild

    def _stays(self, identity: str, top: str) -> bool:
        """Whether an entry that hung on ``top`` most stays in its part by what it hangs on most now.

        Where all ties of a part lead to what began earlier, they are a tree, and one that is exchanged for another of
        the same part leaves the part whole.
        """
        ways, part = self._entries[identity].ways, self._part.get(identity)
        if not ways or ways[0].other == top:
            return bool(ways)
        same = part is not None and self._part.get(ways[0].other) is part
        return same and part is not None and not part.has_late and not ways[0].is_late

    def _best(self, identity: str) -> str | None:
        ways = self._entries[identity].ways
        return ways[0].other if ways else None

    def _connect(self, identity: str) -> None:
        """Join the block of an entry with those of its options."""
        for option in self._entries[identity].ways:
            mine, other = self._block[identity], self._block.get(option.other)
            if other is None or other is mine:
                continue
            small, large = sorted((mine, other), key=lambda block: len(block.ids))
            is_due = self._rebuild.pop(id(small), None) is not None
            large.absorb(small)
            for member in small.ids:
                self._block[member] = large
            if is_due or not large.is_plain:
                self._rebuild[id(large)] = large
        for pin in self._constraints.pins([identity]):
            self.rebuild(pin.ids)

    def _joined(self, identities: Iterable[str]) -> list[Part]:
        """Entries of plain blocks, each one with what it hangs on most."""
        known = [identity for identity in identities if id(self._block[identity]) not in self._rebuild]
        for identity in known:
            if identity not in self._part:
                self._part[identity] = Part.of(self._entries[identity])
        for identity in known:
            for option in self._entries[identity].ways[:1]:
                if self._top.get(identity) != option.other:
                    join(self._part, identity, option.other).hang(identity, option)
                    self._top[identity] = option.other
        return [self._part[identity] for identity in known]

    def _anew(self) -> list[Part]:
        """The parts of blocks that are parted anew, without those that came out as they were."""
        pool = self._pool()
        self._rebuild.clear()
        pins = self._constraints.pins(pool) if pool and not self._constraints.is_empty else []
        changed: list[Part] = []
        for entries in connected(pool, [pin.ids for pin in pins]):
            block = Block()
            for entry in entries:
                block.add(entry, self._is_constrained(entry.id))
                self._block[entry.id] = block
                self._note(entry)
            inside = [pin.ids for pin in pins if not block.ids.isdisjoint(pin.ids)]
            for part in merged(entries, inside, self._constraints.tags):
                before = {id(self._part[i]): self._part[i] for i in part.ids if i in self._part}
                if len(before) != 1 or set(next(iter(before.values())).ids) != set(part.ids):
                    changed.append(part)
                for identity in part.ids:
                    self._part[identity] = part
        return changed

    def _pool(self) -> dict[str, Entry]:
        """All entries of the blocks that are parted anew, and of those that they reach into.

        An entry that was taken out and put back has a block of its own, while others still name it as they did.
        """
        pool: dict[str, Entry] = {}
        waiting = list(self._rebuild.values())
        seen = {id(block) for block in waiting}
        while waiting:
            here = waiting.pop()
            for identity in here.ids:
                entry = pool[identity] = self._entries[identity]
                for option in entry.ways:
                    block = self._block.get(option.other)
                    if block is not None and block is not here and id(block) not in seen:
                        seen.add(id(block))
                        waiting.append(block)
        return pool

    def _note(self, entry: Entry) -> None:
        best = self._best(entry.id)
        if best is None:
            self._top.pop(entry.id, None)
        else:
            self._top[entry.id] = best
