"""Which shapes are one pattern, over all shapes at once: pure, and independent of the order in which they came."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wellkept.ops.detect.patterns.canonical import CUES, canonical, tokens
from wellkept.ops.detect.patterns.masks import MASK

MANY = 12
"""So many words at one place of otherwise equal shapes are values. Fewer are mostly different events: "Started",
"Paused", "Stopped"; no lower number did better on labelled logs."""
OUTWEIGH = 3
"""A word where other lines have a value is one, too, when they are this many times as many."""

_NAMED = re.compile(rf"(?<![\w.=-])[A-Za-z][\w.-]*:{MASK}")
_CUED = re.compile(rf"(\b(?:{CUES})) {MASK}(?= )")
_TROUBLE = re.compile(
    r"(?i)(?:err|fail|den[iy]|refus|reject|invalid|timeout|expired|abort|fatal|panic|crit|lost|down|dead|corrupt|kill|"
    r"unreach|unavail|exceed|overflow|full|missing|broken|success|ok\b|done|start|stop|open|close)"
)
"""Words that say what happened are no values, however rare beside one."""


@dataclass(frozen=True, slots=True)
class Refined:
    """``leader``: each shape's representative. ``crowded``: frames under which ``MANY`` shapes and more are one
    pattern, with a shape of theirs; ``words``: how many canonical keys hold a word.
    """

    leader: Mapping[str, str]
    crowded: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)

    def crowd_of(self, shape: str) -> str | None:
        """A known shape of the crowd that a new shape belongs to; None where it is an event of its own."""
        if not self.crowded:
            return None
        key = canonical(shape)
        found = self.crowded.get(key)
        if found is not None:
            return found
        parts = list(tokens(key))
        found = self.crowded.get(_frame(parts, self.words, 0))
        if found is not None:
            return found
        for place, word in enumerate(parts):
            if _is_word(word):
                parts[place] = MASK
                found = self.crowded.get("".join(parts))
                parts[place] = word
                if found is not None:
                    return found
        return None


def refine(shapes: Mapping[str, int]) -> Refined:
    """Shapes with their numbers of lines. A group's representative is its first shape in the order of text."""
    groups: dict[str, list[str]] = defaultdict(list)
    for shape in shapes:
        groups[canonical(shape)].append(shape)
    lines = {key: sum(shapes[shape] for shape in members) for key, members in groups.items()}
    parts = {key: tokens(key) for key in groups}
    words = Counter(word for row in parts.values() for word in set(row) if _is_word(word))
    crowded = {key: min(members) for key, members in groups.items() if len(members) >= MANY}
    parent = {key: key for key in groups}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    pairs = list(_named(lines))
    for frame, bucket in [*_places(parts), *_rare(parts, words)]:
        values = _values(bucket, lines)
        pairs += [(key, bucket[0][1]) for key in values]
        if len(values) >= MANY:
            crowded.setdefault(frame, min(groups[bucket[0][1]]))
    for key, other in pairs:
        first, second = sorted((root(key), root(other)))
        parent[second] = first
    together: dict[str, list[str]] = defaultdict(list)
    for key, members in groups.items():
        together[root(key)].extend(members)
    leader = {shape: first for members in together.values() for first in [min(members)] for shape in members}
    return Refined(leader, crowded, words)


def _is_word(token: str) -> bool:
    return token[0].isalpha()


def _places(parts: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """For each place at which keys that are otherwise equal differ: the frame, and (what stands there, key)."""
    buckets: dict[tuple[int, int, int], list[tuple[str, str]]] = defaultdict(list)
    for key, words in parts.items():
        if sum(1 for word in words if word == MASK or _is_word(word)) < 3:
            continue
        ahead = [0]
        for word in words:
            ahead.append(hash((ahead[-1], word)))
        behind = 0
        for place in range(len(words) - 1, -1, -1):
            word = words[place]
            if word == MASK or _is_word(word):
                buckets[place, ahead[place], behind].append((word, key))
            behind = hash((behind, word))
    for (place, _, _), bucket in buckets.items():
        if len(bucket) > 1:
            bucket.sort()
            row = parts[bucket[0][1]]
            yield "".join([*row[:place], MASK, *row[place + 1 :]]), bucket


def _rare(parts: Mapping[str, Sequence[str]], words: Mapping[str, int]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Keys that are equal but for words that no other key holds, at several places at once."""
    buckets: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, row in parts.items():
        frame = _frame(row, words, 1)
        if frame:
            buckets[frame].append((frame, key))
    for frame, bucket in buckets.items():
        if len(bucket) >= MANY:
            yield frame, sorted(bucket)


def _frame(row: Sequence[str], words: Mapping[str, int], rare: int) -> str:
    """A key with a mask for each rare word; empty where too little of it would be left to tell it by."""
    strange = [_is_word(word) and words.get(word, 0) <= rare for word in row]
    plain = sum(1 for word, is_strange in zip(row, strange, strict=True) if not is_strange and _is_word(word))
    if not any(strange) or plain < max(2, sum(strange)):
        return ""
    return "".join(MASK if is_strange else word for word, is_strange in zip(row, strange, strict=True))


def _named(lines: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Keys with a name and a value (a host and its port) where another key, with as many lines, has one value; and
    keys without a name behind its noun, where another has one.
    """
    for key in lines:
        for match in _NAMED.finditer(key):
            other = f"{key[: match.start()]}{MASK}{key[match.end() :]}"
            if lines.get(other, 0) >= lines[key]:
                yield key, other
        for match in _CUED.finditer(key):
            other = f"{key[: match.end(1)]}{key[match.end() :]}"
            if other in lines:
                yield key, other


def _values(bucket: list[tuple[str, str]], lines: Mapping[str, int]) -> list[str]:
    """The keys of a bucket whose word is a value."""
    literal = [(word, key) for word, key in bucket if word != MASK]
    if len(literal) >= MANY:
        return [key for _, key in bucket]
    masked = sum(lines[key] for word, key in bucket if word == MASK)
    quiet = [key for word, key in literal if not _TROUBLE.match(word)]
    if masked and masked >= OUTWEIGH * sum(lines[key] for key in quiet):
        return quiet
    return []
