"""Mining: lines in, patterns out. Bounded memory; ids that outlive a restart and are never given away again."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from wellkept.kernel.redact import redact
from wellkept.ops.detect.patterns.bodies import content, example
from wellkept.ops.detect.patterns.canonical import common
from wellkept.ops.detect.patterns.cheap import cheap_key
from wellkept.ops.detect.patterns.crowds import Crowds
from wellkept.ops.detect.patterns.known import Known
from wellkept.ops.detect.patterns.masks import MASK, RULES, shape_of
from wellkept.ops.detect.patterns.naming import Parameter, parameters, shown
from wellkept.ops.detect.patterns.refine import Refined, refine
from wellkept.ops.detect.patterns.restore import KEPT_LINES, restore, values_of

MOST_KEYS = 400_000
MOST_SHAPES = 20_000
WILDCARD = "<*>"
EMPTY = "(empty)"
"""The template of lines without a text."""
_REFRESH_EVERY = 250
"""Shapes are put together after so many new ones at the latest, so that crowds of them do not grow."""


@dataclass(slots=True)
class Shape:
    """A masked line: how often it came, since when (seconds since the epoch), and some of its lines."""

    id: int
    text: str
    first_seen: float = 0.0
    count: int = 0
    lines: dict[str, str] = field(default_factory=dict)
    """Messages, and the example of each that people are shown: its first line is the message."""

    def keep(self, shown: str) -> None:
        """Keep an example, as ``bodies.example`` makes it."""
        if len(self.lines) < KEPT_LINES:
            self.lines.setdefault(shown.partition("\n")[0], shown)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template: its masked text, its parameters, how many lines it had, one of them, and since when."""

    id: int
    masked: str
    parameters: tuple[Parameter, ...]
    count: int
    sample: str
    first_seen: float
    shapes: tuple[int, ...]
    template: str
    """With the names of the parameters."""

    @property
    def text(self) -> str:
        """With ``<*>`` for each value, as labelled logs have it."""
        return self.masked.replace(MASK, WILDCARD)


class Miner:
    """Puts lines in patterns.

    A line's cheap key decides, where it is known; the first line of a key is masked to its shape. ``refresh`` puts
    shapes together that are one pattern: the oldest shape's id is the pattern's. Shapes that were together once stay
    so. Keys and shapes are bounded; what is thrown out is counted in ``evicted`` and found again when it comes back.
    """

    def __init__(self, most_keys: int = MOST_KEYS, most_shapes: int = MOST_SHAPES) -> None:
        self._keys: Known[Hashable, int] = Known(most_keys)
        self._shapes: dict[int, Shape] = {}
        self._older: dict[int, int] = {}
        self._most_shapes = most_shapes
        self._refined = Refined({})
        self._crowds = Crowds()
        self._is_stale = False
        self.news = 0
        """How many shapes were new."""
        self._refresh_at = _REFRESH_EVERY
        self._evicted_shapes = 0
        self._cache: dict[int, tuple[object, Pattern]] = {}

    @property
    def evicted(self) -> int:
        """Keys and shapes that were thrown out because there were too many."""
        return self._keys.evicted + self._evicted_shapes

    def add_lines(self, lines: Iterable[str]) -> list[int]:
        """The shape of each line."""
        return [self.add(line) for line in lines]

    def add(self, body: str, at: float = 0.0) -> int:
        """The shape of a line."""
        key = cheap_key(body)
        found = self._keys.get(key)
        if found is None:
            return self.learn(key, [body], 1, at)
        self.count(found, 1, [body])
        return found

    def known(self, key: Hashable) -> int | None:
        """The shape of lines with this key."""
        return self._keys.get(key)

    def count(self, shape: int, lines: int, bodies: Sequence[str] = ()) -> None:
        """Lines of a known shape came, such as ``bodies``."""
        known = self._shapes.get(shape)
        if known is not None:
            known.count += lines
            if len(known.lines) < KEPT_LINES:
                for body in bodies[:1]:
                    known.keep(example(body))

    def learn(self, key: Hashable, bodies: Sequence[str], lines: int, at: float) -> int:
        """A key that is new: its lines' shape, from one of them. ``at``: when they came, seconds since the epoch."""
        tokens = cheap_key(bodies[0]).split(b" ")
        number = self._crowds.get(tokens)
        if number is None or number not in self._shapes:
            number = self._masked(bodies[0], at)
            self._crowds.add(number, tokens)
        shape = self._shapes[number]
        shape.count += lines
        for body in bodies[1:]:
            shape.keep(example(body))
        self._keys.put(key, number)
        return number

    def _masked(self, body: str, at: float) -> int:
        """The shape of a line: a known one, or that of a crowd which it belongs to, or a new one."""
        line = content(body)
        text = shape_of(line)
        number = shape_id(text)
        if number not in self._shapes and (crowd := self._refined.crowd_of(text)) is not None:
            number = shape_id(crowd)
        if number not in self._shapes:
            number = shape_id(text)
            self._make_room()
            if len(self._shapes) >= self._refresh_at:
                self.refresh()
                self._refresh_at = 3 * len(self._shapes) // 2 + _REFRESH_EVERY
            self._shapes[number] = Shape(number, text, at)
            self._older.setdefault(number, number)
            self._is_stale = True
            self.news += 1
        self._shapes[number].keep(example(body))
        return number

    def remember(self, shape: int, pattern: int, text: str, samples: Sequence[str], first_seen: float) -> None:
        """A shape that was stored before a restart."""
        self._shapes[shape] = Shape(shape, text, first_seen, 1)
        for sample in samples:
            self._shapes[shape].keep(sample)
        self._older[shape] = pattern
        self._older.setdefault(pattern, pattern)
        self._is_stale = True

    def shape(self, number: int) -> Shape:
        """A shape that is known.

        Raises:
            KeyError: it is not, or not any more.
        """
        return self._shapes[number]

    def pattern_of(self, shape: int) -> int:
        """The pattern that a shape belongs to, as of the last ``refresh``."""
        while (older := self._older.get(shape, shape)) != shape:
            shape = older
        return shape

    def refresh(self) -> None:
        """Put shapes together that are one pattern."""
        if not self._is_stale:
            return
        self._is_stale = False
        self._refined = refine({shape.text: shape.count for shape in self._shapes.values()})
        ids = {shape.text: shape.id for shape in self._shapes.values()}
        for text, first in self._refined.leader.items():
            self._join(ids[text], ids[first])

    def patterns(self) -> list[Pattern]:
        """All patterns, in the order of their ids."""
        self.refresh()
        groups: dict[int, list[Shape]] = {}
        for shape in self._shapes.values():
            groups.setdefault(self.pattern_of(shape.id), []).append(shape)
        return [self._pattern(number, groups[number]) for number in sorted(groups)]

    def _pattern(self, number: int, members: list[Shape]) -> Pattern:
        """Made anew only where the shapes have changed, or twice as many lines are known."""
        known = sum(len(shape.lines) for shape in members)
        state = (tuple(sorted(shape.id for shape in members)), known.bit_length())
        kept = self._cache.get(number)
        count = sum(shape.count for shape in members)
        if kept is not None and kept[0] == state:
            return replace(kept[1], count=count)
        lines = [line for shape in members for line in shape.lines]
        examples = [shown for shape in members for shown in shape.lines.values()]
        masked = restore(common([shape.text for shape in members]), lines)
        names = parameters(masked, values_of(masked, lines))
        since = min(shape.first_seen for shape in members)
        sample = redact(examples[0]) if examples else ""
        pattern = Pattern(number, masked, names, count, sample, since, state[0], shown(masked, names) or EMPTY)
        self._cache[number] = (state, pattern)
        return pattern

    def _join(self, one: int, other: int) -> None:
        """The older of two patterns takes the other in."""
        roots = {self.pattern_of(one), self.pattern_of(other)}
        if len(roots) == 2:
            first, second = sorted(roots, key=self._age)
            self._older[second] = first

    def _age(self, shape: int) -> tuple[float, int]:
        known = self._shapes.get(shape)
        return (known.first_seen if known else 0.0, shape)

    def _make_room(self) -> None:
        """Throw out the quarter of the shapes that came least, when there are too many."""
        if len(self._shapes) < self._most_shapes:
            return
        rare = sorted(self._shapes.values(), key=lambda shape: shape.count)[: max(1, self._most_shapes // 4)]
        for shape in rare:
            del self._shapes[shape.id]
        self._cache.clear()
        self._evicted_shapes += len(rare)
        roots = {self.pattern_of(number) for number in self._shapes}
        self._older = {number: self.pattern_of(number) for number in {*self._shapes, *roots}}


def shape_id(text: str) -> int:
    """A shape's id: 64 bits of a hash of the version of the rules and its text, never 0."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8, salt=str(RULES).encode()).digest()
    return int.from_bytes(digest, "little") or 1
