"""Blocks: findings that could ever hang together, parted again when something in them changed.

Where nothing keeps findings of a block apart, each is simply one with what it hangs on most, so that a newcomer costs
a look-up, in a storm of a hundred thousand too. Otherwise the block is parted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wellkept.ops.correlate.constraints import Constraints
from wellkept.ops.correlate.merging import Part, connected, join, merged
from wellkept.ops.correlate.placing import Entry


class Block:
    """Ids of findings, the signals among them, and how many of those stand there twice."""

    __slots__ = ("has_constraints", "ids", "is_torn", "repeats", "signals")

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.signals: set[str] = set()
        self.repeats = 0
        self.has_constraints = False
        self.is_torn = False
        """Something has left it, or something else is said of it: what is left may hang together no more."""

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
        self.is_torn |= other.is_torn


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
            block.is_torn = True
            self._rebuild[id(block)] = block

    def rebuild(self, ids: Iterable[str]) -> None:
        """Part the blocks of these entries anew, as what was said of them is another."""
        block = self._united(ids)
        if block is not None:
            block.is_torn = True

    def reaches_fresh(self, entry: Entry) -> bool:
        """Whether the entry names one that was put since the last ``settle``, and maybe was there before."""
        return any(option.other in self._fresh for option in entry.ways)

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
            block, is_due = self._absorbed(mine, other)
            if is_due or not block.is_plain:
                self._rebuild[id(block)] = block
        for pin in self._constraints.pins([identity]):
            self._united(pin.ids)

    def _united(self, ids: Iterable[str]) -> Block | None:
        """The one block of some entries, which is due; None where none of them is known."""
        block: Block | None = None
        for identity in ids:
            other = self._block.get(identity)
            if other is not None and other is not block:
                block = other if block is None else self._absorbed(block, other)[0]
        if block is not None:
            self._rebuild[id(block)] = block
        return block

    def _absorbed(self, one: Block, other: Block) -> tuple[Block, bool]:
        """Join two blocks, the smaller into the larger; what became of them, and whether the smaller was due."""
        small, large = sorted((one, other), key=lambda block: len(block.ids))
        is_due = self._rebuild.pop(id(small), None) is not None
        large.absorb(small)
        for member in small.ids:
            self._block[member] = large
        return large, is_due

    def _joined(self, identities: Iterable[str]) -> list[Part]:
        """Entries of plain blocks, each one with what it hangs on most."""
        known = [identity for identity in identities if id(self._block[identity]) not in self._rebuild]
        for identity in known:
            if identity not in self._part:
                self._part[identity] = Part([identity])
        for identity in known:
            for option in self._entries[identity].ways[:1]:
                if self._top.get(identity) != option.other:
                    join(self._part, identity, option.other).hang(identity, option)
                    self._top[identity] = option.other
        return [self._part[identity] for identity in known]

    def _anew(self) -> list[Part]:
        """The parts of blocks that are parted anew, without those that came out as they were."""
        due, changed, has_said = list(self._rebuild.values()), list[Part](), not self._constraints.is_empty
        self._rebuild.clear()
        for block in due:
            tags = self._constraints.tags if has_said else None
            pins = [pin.ids for pin in self._constraints.pins(block.ids)] if has_said else []
            for entries in self._pieces(block, pins):
                ids = {entry.id for entry in entries} if pins else set()
                inside = [pin for pin in pins if not ids.isdisjoint(pin)]
                for part in merged(entries, inside, tags):
                    if not self._is_known(part):
                        changed.append(part)
                    self._part.update(dict.fromkeys(part.ids, part))
        for identity in (*self._fresh, *self._changed):
            self._note(identity)
        return changed

    def _pieces(self, block: Block, pins: Sequence[Sequence[str]]) -> list[list[Entry]]:
        """The entries of a block, by what still hangs together in it."""
        entries = {identity: self._entries[identity] for identity in block.ids}
        if not block.is_torn:
            return [list(entries.values())]
        pieces = connected(entries, pins)
        for piece in pieces:
            new = Block()
            for entry in piece:
                new.add(entry, self._is_constrained(entry.id))
                self._block[entry.id] = new
        return pieces

    def _is_known(self, part: Part) -> bool:
        """Whether the same findings are a part already: all of these are in one, which has no others."""
        before = self._part.get(part.ids[0])
        if before is None or len(before.ids) != len(part.ids):
            return False
        return all(self._part.get(identity) is before for identity in part.ids)

    def _note(self, identity: str) -> None:
        best = self._best(identity)
        if best is None:
            self._top.pop(identity, None)
        else:
            self._top[identity] = best
