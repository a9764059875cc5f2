"""Putting back what was masked but is always the same word: it changes what is shown, never a line's pattern."""

from __future__ import annotations

import functools
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


@functools.lru_cache(maxsize=4096)
def pattern_of(text: str) -> re.Pattern[str]:
    """A regular expression that takes the values out of a line of the pattern, one group a mask."""
    parts = [re.escape(part) for part in text.split(MASK)]
    return re.compile("(.*?)".join(parts) + r"\Z", re.DOTALL)


def values_of(text: str, lines: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of each of the lines that are of the pattern as it is written."""
    expression = pattern_of(text)
    return [match.groups() for line in lines if (match := expression.match(line))]


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
