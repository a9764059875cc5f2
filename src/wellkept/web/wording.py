"""Values in words: amounts with their units, lengths of time, short names of entities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class _Form:
    factor: float = 1.0
    suffix: str = ""
    scales: tuple[tuple[float, str], ...] = field(default=())


_FORMS: Mapping[str, _Form] = {
    "1": _Form(100.0, " %"),
    "By": _Form(scales=_BYTES),
    "By/s": _Form(suffix="/s", scales=_BYTES),
    "1/s": _Form(suffix=" /s"),
}


def amount(value: float | None, unit: str = "") -> str:
    """A value with its unit: ``1.24 GB``, ``87.1 %``, ``340 ms``, ``12.5 /s``; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "s":
        return _seconds(value)
    if unit == "ms":
        return _seconds(value / 1000)
    form = _FORMS.get(unit, _Form(suffix=f" {unit.strip('{}')}" if unit else ""))
    for size, name in form.scales:
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}{form.suffix}"
    return _digits(value * form.factor) + (f" B{form.suffix}" if form.scales else form.suffix)


def count(value: float | None) -> str:
    """How many, short: ``950``, ``12.4 k``, ``3.1 M``."""
    if value is None or not math.isfinite(value):
        return "–"
    for size, name in _COUNTS:
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}"
    return f"{value:.0f}"


def share(value: float) -> str:
    """A share of one as whole per cent: ``72 %``."""
    return f"{value * 100:.0f} %"


def number(value: float | None) -> str:
    """A metric's value with four places at most: ``0.7312``, ``12.5``."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.4f}" if abs(value) < 10 else _digits(value)


def duration(seconds: float) -> str:
    """A length of time: ``40 s``, ``12 min``, ``3.5 h``, ``2 days``."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"


def kind_of(entity: str) -> str:
    """The kind of an entity, from its id: ``model version`` for ``model_version:...``."""
    return entity.partition(":")[0].replace("_", " ")


def bare(entity: str) -> str:
    """An entity's id without its kind."""
    return entity.partition(":")[2] or entity


def short_digest(digest: str) -> str:
    """The first twelve digits of a digest, without its algorithm."""
    return digest.rpartition(":")[2][:12]


def plain(value: Any) -> str:
    """An argument of an action as text: lists with commas, digests and texts as they are."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return "yes" if value is True else "no" if value is False else str(value)


def plural(number_of: int, one: str, many: str = "") -> str:
    """``1 finding``, ``3 findings``."""
    return f"{number_of} {one if number_of == 1 else many or one + 's'}"


def as_sentence(words: str) -> str:
    """Words as a sentence of their own: with a capital and a full stop."""
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _seconds(value: float) -> str:
    size = abs(value)
    if size >= 120:
        return duration(value)
    if size >= 1:
        return f"{_digits(value)} s"
    if size >= 0.001 or size == 0:
        return f"{_digits(value * 1000)} ms"
    return f"{_digits(value * 1e6)} µs"


def _digits(value: float) -> str:
    """Three digits that count, without trailing zeros; none after the point from 100 on."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    places = 1 if abs(value) >= 10 else 2
    return f"{value:.{places}f}".rstrip("0").rstrip(".") or "0"
