"""Putting back what was masked but is always the same word: it changes what is shown, never a line's pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellkept.ops.detect.patterns.masks import MASK

KEPT_LINES = 64
"""So many different lines of a shape are kept to look at."""
_CONSTANT = re.compile(
    r"(?=.*[A-Za-z])(?!(?:true|false|null|none|nil|root|yes|no)\Z)"
    r"(?:[A-Za-z_][A-Za-z_+*-]*\d{0,2}[A-Za-z_*-]{0,12}|(?:[a-z][a-z_]*\.)+[A-Z][A-Za-z$]*)\Z",
    re.IGNORECASE,
)
_CLASS = re.compile(r"(?:[a-z][a-z_]*\.)+[A-Z][A-Za-z$]*\Z")
_HEX = re.compile(r"(?i)(?=.*\d)(?:0x)?[0-9a-f]+\Z")


def values_of(text: str, lines: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of each of the lines that are of the pattern as it is written, each as short as it can be.

    A literal is taken where it comes first: if the rest fits anywhere, it fits behind that. So a line is walked through
    once; a regular expression would try every way to share it out among the values before it gives a line up.
    """
    first, *literals = text.split(MASK)
    return [values for line in lines if (values := _taken(line, first, literals)) is not None]


def _taken(line: str, first: str, literals: Sequence[str]) -> tuple[str, ...] | None:
    """What stands between the literals; None where the line is not of the pattern."""
    if not literals:
        return () if line == first else None
    if not line.startswith(first):
        return None
    begin, values = len(first), []
    for literal in literals[:-1]:
        end = line.find(literal, begin)
        if end < 0:
            return None
        values.append(line[begin:end])
        begin = end + len(literal)
    end = len(line) - len(literals[-1])
    if end < begin or not line.endswith(literals[-1]):
        return None
    return (*values, line[begin:end])


def restore(text: str, lines: Sequence[str]) -> str:
    """The pattern with words back in the places where the lines, which are some of its own, never differ."""
    rows = values_of(text, lines)
    if not rows:
        return text
    parts = text.split(MASK)
    out = [parts[0]]
    for place, values in enumerate(zip(*rows, strict=True)):
        word, after = values[0], parts[place + 1]
        same = len(set(values)) == 1 and (len(rows) > 1 or "_" not in word)
        is_key = after.startswith("=") and word.isidentifier()
        out.append(word if same and (is_key or _is_constant(word)) else MASK)
        out.append(after)
    return "".join(out)


def _is_constant(word: str) -> bool:
    return bool((_CONSTANT.match(word) and "." not in word) or _CLASS.match(word)) and not _HEX.match(word)
