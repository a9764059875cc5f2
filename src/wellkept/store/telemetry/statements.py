"""SQL files beside the readers: loaded once, split into single statements."""

from __future__ import annotations

import functools
from importlib.resources import files


@functools.cache
def load(name: str) -> str:
    """The text of an SQL file of this package, for example ``otlp/metrics.sql``."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def split(text: str) -> tuple[str, ...]:
    """The statements of ``text``; each ends with a semicolon at the end of a line."""
    statements = (part.strip() for part in f"{text}\n".split(";\n"))
    return tuple(part for part in statements if _has_code(part))


def _has_code(statement: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines())
