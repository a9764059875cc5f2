"""Names for the parameters of a pattern: from the key before, the unit behind, the words around, the values.

user M logged in from M            user, from_address
took M ms for M bytes              duration_ms, bytes
status: M len: M time: M           status, len, time
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wellkept.ops.detect.patterns.masks import MASK

_KEY = re.compile(r"([A-Za-z_][\w.-]*)[\"')\]]?\s?[=:]\s?[\"'(\[<{]?\Z")
_BEFORE = re.compile(r"([A-Za-z][\w-]*)[\s:#(\[<{\"'=/-]*\Z")
_AFTER = re.compile(r"\s?([A-Za-z%][A-Za-z]*)")
_UNITS = {
    "ns": "duration_ns", "us": "duration_us", "µs": "duration_us", "ms": "duration_ms", "msec": "duration_ms",
    "msecs": "duration_ms", "millis": "duration_ms", "millisecond": "duration_ms", "milliseconds": "duration_ms",
    "s": "duration_s", "sec": "duration_s", "secs": "duration_s", "second": "duration_s", "seconds": "duration_s",
    "min": "duration_min", "minute": "duration_min", "minutes": "duration_min", "hours": "duration_h",
    "b": "bytes", "byte": "bytes", "bytes": "bytes", "kb": "kilobytes", "mb": "megabytes", "gb": "gigabytes",
    "kib": "kilobytes", "mib": "megabytes", "gib": "gigabytes", "percent": "percent", "%": "percent",
}  # fmt: skip
_LINKS = frozenset(("from", "to", "at", "by", "on", "for", "in", "of", "with", "via", "into", "as", "is", "was", "and"))
_VERBS = frozenset(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"))
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("address", re.compile(r"/?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*:[0-9a-fA-F.]+)(?:[:/]\d+)?\Z")),
    ("number", re.compile(r"[+-]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?%?\Z")),
    ("id", re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?\Z")),
    ("id", re.compile(r"(?=.*\d)(?:0[xX])?[0-9a-fA-F]{6,}\Z")),
    ("path", re.compile(r"(?:~|\.{1,2})?/\S*\Z|[A-Za-z]:\\.*\Z")),
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")),
    ("host", re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?\Z")),
    ("time", re.compile(r".*\d{1,2}:\d{2}(?::\d{2})?.*\Z")),
    ("id", re.compile(r"[\w-]*\d[\w-]*\Z")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a pattern. ``kind``: address, number, id, path, email, host, time or text."""

    name: str
    kind: str


def parameters(text: str, rows: Sequence[Sequence[str]]) -> tuple[Parameter, ...]:
    """The parameters of a pattern, one for each mask of ``text``; ``rows`` are the values of some of its lines."""
    parts = text.split(MASK)
    columns: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * (len(parts) - 1)
    used: Counter[str] = Counter()
    found = []
    for place, values in enumerate(columns):
        kind = _kind(values)
        name = _name("".join(parts[place : place + 1]), parts[place + 1], kind)
        used[name] += 1
        found.append(Parameter(name if used[name] == 1 else f"{name}_{used[name]}", kind))
    return tuple(found)


def shown(text: str, names: Sequence[Parameter]) -> str:
    """The text with the parameters' names where the masks are: ``user <user> logged in``."""
    parts = text.split(MASK)
    return parts[0] + "".join(f"<{name.name}>{part}" for name, part in zip(names, parts[1:], strict=True))


def _kind(values: Sequence[str]) -> str:
    kinds = Counter(next((kind for kind, form in _KINDS if form.match(value)), "text") for value in values)
    return kinds.most_common(1)[0][0] if kinds else "text"


def _name(before: str, after: str, kind: str) -> str:
    unit = _AFTER.match(after)
    by_unit = _UNITS.get(unit.group(1).lower(), "") if unit and kind in ("number", "text") else ""
    if before.endswith("://"):
        return "url"
    if before == ":" and kind == "number":
        return "port"
    key = _KEY.search(before)
    if key and not (kind != "text" and key.group(1).endswith(("ed", "ing"))):
        return _snake(key.group(1))
    if by_unit:
        return by_unit
    word = _BEFORE.search(before)
    if word is None:
        return kind if kind != "text" else "value"
    name = _snake(word.group(1))
    if word.group(1) in _VERBS:
        return "path"
    if name in _LINKS:
        return f"{name}_{kind}" if kind != "text" else f"{name}_value"
    if kind != "text" and name.endswith(("ed", "ing")):
        return kind
    return name


def _snake(word: str) -> str:
    word = word.rpartition(".")[2] or word
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).replace("-", "_").strip("_").lower()[:40] or "value"
