"""SQL files beside the readers: loaded once, split into single statements."""

from __future__ import annotations

import functools
import re
from importlib.resources import files

_INCLUDE = re.compile(r"^-- include (\S+)((?: \w+=\S+)*)$", re.MULTILINE)


@functools.cache
def load(name: str) -> str:
    """The text of an SQL file of this package, for example ``otlp/metrics.sql``.

    A line ``-- include NAME key=value`` stands for the text of that file with ``$key`` replaced, so that statements
    can share a part. Nothing but these files ever goes into a statement's text.
    """
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return _INCLUDE.sub(_include, text)


def _include(line: re.Match[str]) -> str:
    words = dict(pair.split("=", 1) for pair in line.group(2).split())
    text = load(line.group(1))
    return re.sub(r"\$(\w+)", lambda word: words[word.group(1)], text) if words else text


def split(text: str) -> tuple[str, ...]:
    """The statements of ``text``; each ends with a semicolon at the end of a line."""
    statements = (part.strip() for part in f"{text}\n".split(";\n"))
    return tuple(part for part in statements if _has_code(part))


def _has_code(statement: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines())
