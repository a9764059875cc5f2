"""When two shapes are one pattern: a key that is equal for shapes that differ only in how their values are written.

"64 bytes" and "1.2 KB (1,234 bytes)", "pwd()" and "pwd(7)", lists of one and of three, "user root" and "user guest".
The key never changes what is shown unless two shapes meet under it, and then as little as makes them one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from wellkept.ops.detect.patterns.masks import MASK

_M = MASK
_UNIT = (
    r"[KMGTP]?i?B|[kmgt]b|bytes?|[KMGT]?bits?|ns|us|µs|ms|msecs?|milliseconds?|microseconds?|nanoseconds?|s|secs?|"
    r"seconds?|min|mins|minutes?|h|hours?|days?|%|percent"
)
_LEVELS: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (
        ("*", rf"{_M}(?: \*+)+(?= {_M}| [)\]])", _M),
        (_M, rf"{_M}(?:[,;|] ?{_M}|(?: {_M})|, ?(?=$)){{1,}}", _M),
    ),
    (
        ("(", r"\(\s*\)", f"({_M})"),
        ("[", r"\[\s*\]", f"[{_M}]"),
        ('""', r"\"\"", f'"{_M}"'),
        ("''", r"''", f"'{_M}'"),
        ("=", r"(?<=\w)=(?=[\s,;)\]}]|$)", f"={_M}"),
    ),
    (
        (_M, rf"<{_M}>|\"{_M}\"|'{_M}'", _M),
        ("[", r"\[[A-Z]\]", f"[{_M}]"),
        (_M, rf"{_M} ?(?:{_UNIT})(?![\w(])", _M),
        (f"{_M} ", rf"({_M} [a-z]{{2,}}[a-rt-z])s\b", r"\1"),
        (_M, rf"(?:< ?|~ ?|less than ){_M}", _M),
    ),
    # "process 4242 (java)"
    (("(", rf"\b((?:process|pid|task|thread) {_M} ?\()[A-Za-z][\w.:-]*(?=\))", rf"\1{_M}"),),
    (("=", rf"=[A-Za-z][\w.]*(?:[:/@-]{_M}|\{{{_M}\}}|\[{_M}\]|\({_M}\))", f"={_M}"),),
    ((_M, rf"{_M} ?[(\[]{_M}[)\]]", _M), (_M, rf"[(\[]{_M}[)\]]", f"({_M})")),
    ((_M, rf"{_M}(?:(?:[:/x*-]| - ){_M})+", _M), (_M, rf"{_M}(?:[,;|] ?{_M}| {_M})+", _M)),
)
"""Each step: what must be there, what is sought, and what it becomes."""

CUES = (
    "user|username|ruser|login|account|uid|host|hostname|rhost|client|node|device|interface|queue|topic|pod|container|"
    "table|index|volume|domain|nodeset|customer|project|namespace|group|cluster|broker|member|realm|worker|daemon|tenant|bucket|channel|partition"
)
"""Nouns that a name follows."""
_BEFORE = "for|from|by|to|on|of|at|in|with|via|as|using|against|into|and|invalid|illegal|unknown|new|existing"
_NO_NAME = (
    r"(?!(?:is|are|was|were|has|have|had|not|and|or|to|from|for|in|on|at|of|by|with|no|the|a|an|be|can|could|will|"
    r"did|does|id|ids|name|names|unknown|ready|down|up|state|status|count|size|already|list|error|errors|failed|failure|"
    r"timeout|version|type|key|address|port|info|data|process|thread|service|server|login|logout|session|request|response|manager|pool|group|code|mode)\b)"
)
_NAME = _NO_NAME + r"[A-Za-z_][\w.$-]*(?<!ed)(?<!ing)(?<!able)(?<!ly)(?=[\s,;:)\]'\"(]|$)"
_CUE_RULES = (
    # "user root", "for user 'root'"
    ("", rf"\b((?i:{_BEFORE}) (?:{CUES})s?:? ['\"]?){_NAME}", rf"\1{_M}"),
    # Where someone is let in or not: "password for root from".
    (
        "",
        (
            r"\b((?i:passw(?:or)?d|auth\w*|login|logon|logins|publickey|session|access|permission|credentials?|failures?)"
            rf"\b[^{_M}]*? (?:for|by) ){_NAME}(?=(?: from| on| at| via| to| \[|$|,|;))"
        ),
        rf"\1{_M}",
    ),
)
_STEPS = tuple(
    tuple((needed, re.compile(pattern), by) for needed, pattern, by in level) for level in (*_LEVELS, _CUE_RULES)
)
LEVELS = len(_STEPS)


def _applied(steps: Sequence[tuple[str, re.Pattern[str], str]], shape: str) -> str:
    for needed, pattern, by in steps:
        if needed in shape:
            shape = pattern.sub(by, shape)
    return shape


@functools.lru_cache(maxsize=1 << 16)
def form(shape: str, level: int) -> str:
    """A shape after the first ``level`` steps: 0 is the shape itself, ``LEVELS`` its canonical key."""
    if level == 0:
        return shape
    return _applied(_STEPS[level - 1], form(shape, level - 1))


def canonical(shape: str) -> str:
    """The key under which shapes meet."""
    return form(shape, LEVELS)


_LOOKED_AT = 64
_TOKEN = re.compile(rf"{_M}|\w+|\s+|[^\w\s]")


@functools.lru_cache(maxsize=1 << 15)
def tokens(text: str) -> tuple[str, ...]:
    """Words, blanks, marks and masks; joined they are the text."""
    return tuple(_TOKEN.findall(text))


def common(shapes: Sequence[str]) -> str:
    """The text of the pattern that the shapes are: the least changed form in which all of them coincide.

    Shapes that were put together for one differing word get a mask there. Of many shapes, the first are looked at.
    """
    shapes = shapes[:_LOOKED_AT]
    only = {_applied(_STEPS[-1], shape) for shape in shapes} if len(shapes) > 1 else set()
    if len(only) == 1:
        return only.pop()
    for level in range(LEVELS + 1):
        forms = {form(shape, level) for shape in shapes}
        if len(forms) == 1:
            return forms.pop()
    rows = [tokens(text) for text in sorted(forms)]
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        return max(forms, key=lambda text: (text.count(_M), text))
    return "".join(words[0] if len(set(words)) == 1 else _M for words in zip(*rows, strict=True))
