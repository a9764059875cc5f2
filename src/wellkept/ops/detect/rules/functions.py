"""The functions of templates, written as Prometheus writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

_SI = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_VERB = re.compile(r"%([-+ 0#]*\d{0,2}(?:\.\d{1,2})?)([a-zA-Z%])")
_GROUP = re.compile(r"\$(?:\{(\d)\}|(\d))")


Value: TypeAlias = "str | float | bool | Mapping[str, str] | Facts | Sequence[Facts] | None"
Ask: TypeAlias = Callable[[str], "Sequence[Facts]"]
"""Gives what an expression of PromQL comes to, at the moment that the alert is looked at."""


def nobody(_: str) -> Sequence[Facts]:
    """Knows nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Facts:
    """A series with its value: what an alert is about, and what a question gives.

    ``ask``: answers the questions of a template. ``dot``: what its dot is; None: the series itself.
    """

    labels: Mapping[str, str]
    value: float
    ask: Ask = nobody
    dot: Value = None


def shown(value: Any) -> str:
    """A value as a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{name}:{text}" for name, text in sorted(value.items())) + "]"
    if isinstance(value, Facts):
        return f"{{{shown(value.labels)} {number(value.value)}}}"
    if isinstance(value, list | tuple):
        return "[" + " ".join(shown(one) for one in value) + "]"
    if value is None:
        return ""
    return str(value)


def number(value: float) -> str:
    """A number as Go's ``%v`` writes it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    size = abs(value)
    if size and not 1e-4 <= size < 1e21:
        mantissa, _, power = f"{value!r}".partition("e")
        if power:
            return f"{mantissa.removesuffix('.0')}e{power[0]}{power[1:].zfill(2)}"
        mantissa, _, power = f"{value:.17e}".partition("e")
        return f"{float(mantissa):g}e{power}"
    return f"{value:.0f}" if value == int(value) else repr(value)


def significant(value: float, prefix: str = "") -> str:
    """Four digits that count, and a prefix of the unit."""
    text = f"{value:.4g}" if math.isfinite(value) else number(value)
    if "e" in text:
        mantissa, _, power = text.partition("e")
        text = f"{mantissa}e{power[0]}{power[1:].zfill(2)}"
    return f"{text}{prefix}"


def humanize(value: Any) -> str:
    """With a metric prefix: 12345 is 12.35k (``printf "%.4g"`` as Go does it)."""
    amount = _float(value)
    if amount == 0 or not math.isfinite(amount):
        return significant(amount)
    power = 0
    if abs(amount) >= 1:
        while abs(amount) >= 1000 and power < len(_SI) - 1:
            amount, power = amount / 1000, power + 1
        return significant(amount, _SI[power])
    while abs(amount) < 1 and power < len(_SMALL) - 1:
        amount, power = amount * 1000, power + 1
    return significant(amount, _SMALL[power])


def humanize_1024(value: Any) -> str:
    """With a prefix of powers of 1024."""
    amount, power = _float(value), 0
    if abs(amount) <= 1 or not math.isfinite(amount):
        return significant(amount)
    while abs(amount) >= 1024 and power < len(_BINARY) - 1:
        amount, power = amount / 1024, power + 1
    return significant(amount, _BINARY[power])


def humanize_percentage(value: Any) -> str:
    return f"{significant(_float(value) * 100)}%"


def humanize_duration(value: Any) -> str:
    """Seconds as ``1d 2h 3m 4s``; less than a second with a prefix."""
    amount = _float(value)
    if not math.isfinite(amount):
        return significant(amount)
    if amount == 0:
        return "0s"
    if abs(amount) >= 1:
        sign = "-" if amount < 0 else ""
        whole = int(abs(amount))
        days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
        if days:
            return f"{sign}{days}d {hours}h {minutes}m {whole % 60}s"
        if hours:
            return f"{sign}{hours}h {minutes}m {whole % 60}s"
        if minutes:
            return f"{sign}{minutes}m {whole % 60}s"
        return f"{significant(amount)}s"
    power = 0
    while abs(amount) < 1 and power < len(_SMALL) - 1:
        amount, power = amount * 1000, power + 1
    return f"{significant(amount)}{_SMALL[power]}s"


def humanize_timestamp(value: Any) -> str:
    amount = _float(value)
    if not math.isfinite(amount):
        return significant(amount)
    try:
        return f"{datetime.fromtimestamp(amount, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
    except (OverflowError, ValueError, OSError):
        return significant(amount)


def formatted(template: Any, *values: Any) -> str:
    """``printf`` with the verbs that numbers and texts need."""
    rest = list(values)

    def verb(found: re.Match[str]) -> str:
        how, kind = found.groups()
        if kind == "%":
            return "%"
        if not rest:
            return f"%!{kind}(MISSING)"
        value = rest.pop(0)
        if kind in "fFeEgG":
            return f"%{how}{kind}" % _float(value)
        if kind == "d" and math.isfinite(_float(value)):
            return f"%{how}d" % int(_float(value))
        if kind in "svq":
            return f'"{shown(value)}"' if kind == "q" else f"%{how}s" % shown(value)
        return f"%!{kind}({shown(value)})"

    return _VERB.sub(verb, shown(template))


def replaced(pattern: Any, by: Any, text: Any) -> str:
    """``reReplaceAll``; Go's ``$1`` and ``${1}`` name groups. A pattern that is none leaves the text as it is."""
    template = _GROUP.sub(lambda found: f"\\{found.group(1) or found.group(2)}", shown(by).replace("\\", "\\\\"))
    try:
        done = pc.replace_substring_regex(pa.array([shown(text)]), shown(pattern), template)
    except pa.ArrowInvalid:
        return shown(text)
    return str(done[0].as_py())


def matches(pattern: Any, text: Any) -> bool:
    try:
        return bool(pc.match_substring_regex(pa.array([shown(text)]), shown(pattern))[0].as_py())
    except pa.ArrowInvalid:
        return False


def _label(name: Any, sample: Any) -> str:
    return str(sample.labels.get(shown(name), "")) if isinstance(sample, Facts) else ""


def _sorted_by(name: Any, samples: Any) -> Any:
    return sorted(samples, key=lambda one: _label(name, one)) if isinstance(samples, list | tuple) else samples


def _index(held: Any, key: Any) -> str:
    return str(held.get(shown(key), "")) if isinstance(held, Mapping) else ""


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _compared(how: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def call(left: Any, right: Any) -> bool:
        if isinstance(left, float) or isinstance(right, float):
            return how(_float(left), _float(right))
        return how(shown(left), shown(right))

    return call


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "humanize": (humanize, 1, 1),
    "humanize1024": (humanize_1024, 1, 1),
    "humanizePercentage": (humanize_percentage, 1, 1),
    "humanizeDuration": (humanize_duration, 1, 1),
    "humanizeTimestamp": (humanize_timestamp, 1, 1),
    "printf": (formatted, 1, 10),
    "print": (lambda *values: "".join(shown(value) for value in values), 0, 10),
    "title": (lambda text: shown(text).title(), 1, 1),
    "toUpper": (lambda text: shown(text).upper(), 1, 1),
    "toLower": (lambda text: shown(text).lower(), 1, 1),
    "match": (matches, 2, 2),
    "reReplaceAll": (replaced, 3, 3),
    "stripPort": (lambda text: re.sub(r":\d+\Z", "", shown(text)), 1, 1),
    "stripDomain": (lambda text: shown(text).partition(".")[0], 1, 1),
    "safeHtml": (shown, 1, 1),
    "index": (_index, 2, 2),
    "len": (lambda held: float(len(held if isinstance(held, Mapping | list | tuple) else shown(held))), 1, 1),
    "first": (lambda samples: samples[0] if isinstance(samples, list | tuple) and samples else None, 1, 1),
    "value": (lambda sample: sample.value if isinstance(sample, Facts) else math.nan, 1, 1),
    "strvalue": (lambda sample: _label("__value__", sample), 1, 1),
    "label": (_label, 2, 2),
    "sortByLabel": (_sorted_by, 2, 2),
    "not": (lambda value: not value, 1, 1),
    "and": (lambda *values: next((value for value in values if not value), values[-1]), 1, 10),
    "or": (lambda *values: next((value for value in values if value), values[-1]), 1, 10),
    "eq": (_compared(lambda left, right: bool(left == right)), 2, 2),
    "ne": (_compared(lambda left, right: bool(left != right)), 2, 2),
    "lt": (_compared(lambda left, right: bool(left < right)), 2, 2),
    "le": (_compared(lambda left, right: bool(left <= right)), 2, 2),
    "gt": (_compared(lambda left, right: bool(left > right)), 2, 2),
    "ge": (_compared(lambda left, right: bool(left >= right)), 2, 2),
}
"""By name: what it does, and how many arguments it takes at least and at most."""
