"""Which shapes are one pattern, over all shapes at once: pure, and independent of the order in which they came."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from wellkept.ops.detect.patterns.canonical import CUES, canonical, tokens
from wellkept.ops.detect.patterns.masks import MASK

MANY = 12
"""So many words at one place of otherwise equal shapes are values. Fewer are mostly different events: "Started",
"Paused", "Stopped"; no lower number did better on labelled logs."""
OUTWEIGH = 3
"""A word where other lines have a value is one, too, when they are this many times as many."""

_WORD = re.compile(r"[A-Za-z][\w]*\Z")
_NAMED = re.compile(rf"(?<![\w.=-])[A-Za-z][\w.-]*:{MASK}")
_CUED = re.compile(rf"(\b(?:{CUES})) {MASK}(?= )")
_TROUBLE = re.compile(
    r"(?i)(?:err|fail|den[iy]|refus|reject|invalid|timeout|expired|abort|fatal|panic|crit|lost|down|dead|corrupt|kill|"
    r"unreach|unavail|exceed|overflow|full|missing|broken|success|ok\b|done|start|stop|open|close)"
)
"""Words that say what happened are no values, however rare beside one."""


def refine(shapes: Mapping[str, int]) -> dict[str, str]:
    """Shapes with their numbers of lines; each shape's representative (the first of its group in the order of text)."""
    groups: dict[str, list[str]] = defaultdict(list)
    for shape in shapes:
        groups[canonical(shape)].append(shape)
    lines = {key: sum(shapes[shape] for shape in members) for key, members in groups.items()}
    parent = {key: key for key in groups}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    pairs = [(key, bucket[0][1]) for bucket in _places(groups) for key in _values(bucket, lines)]
    for key, other in pairs + list(_named(lines)):
        first, second = sorted((root(key), root(other)))
        parent[second] = first
    together: dict[str, list[str]] = defaultdict(list)
    for key, members in groups.items():
        together[root(key)].extend(members)
    return {shape: min(members) for members in together.values() for shape in members}


def _places(keys: Mapping[str, list[str]]) -> list[list[tuple[str, str]]]:
    """For each place at which keys that are otherwise equal differ: (what stands there, key), masks first."""
    buckets: dict[tuple[int, int, int], list[tuple[str, str]]] = defaultdict(list)
    for key in keys:
        words = tokens(key)
        if sum(1 for word in words if word == MASK or _WORD.match(word)) < 3:
            continue
        ahead = [0]
        for word in words:
            ahead.append(hash((ahead[-1], word)))
        behind = 0
        for place in range(len(words) - 1, -1, -1):
            word = words[place]
            if word == MASK or _WORD.match(word):
                buckets[place, ahead[place], behind].append((word, key))
            behind = hash((behind, word))
    found = [sorted(bucket) for bucket in buckets.values() if len(bucket) > 1]
    return sorted(found)


def _named(lines: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Keys with a name and a value (a host and its port) where another key, with many more lines, has one value."""
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
