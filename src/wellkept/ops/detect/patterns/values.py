"""How the values of a parameter are counted: as they are where they are few, in bins of twice the width where they are
numbers, and not at all where each line has its own.
"""

from __future__ import annotations

import math
import re

from wellkept.ops.detect.patterns.naming import Parameter

OTHER = "other"
_CATEGORY = re.compile(
    r"(?:.*_)?(?:status|code|state|type|method|level|result|reason|errno|severity|phase|mode)(?:_\d+)?\Z"
)
_AMOUNT = re.compile(
    r"(?:.*_)?(?:duration_\w+|bytes|kilobytes|megabytes|gigabytes|size|len|length|time|latency|elapsed|took|total|count|"
    r"percent|rows|duration|delay)(?:_\d+)?\Z"
)
_SHORT = re.compile(r"[\w.+-]{1,24}\Z")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def is_counted(parameter: Parameter) -> bool:
    """Whether the values of a parameter are worth counting: codes and states, amounts, and short words."""
    if _CATEGORY.match(parameter.name) or (parameter.kind == "number" and _AMOUNT.match(parameter.name)):
        return True
    return parameter.kind == "text"


def label(parameter: Parameter, value: str) -> str:
    """What a value counts as: itself, the bin of a number ("32..64"), or ``OTHER``."""
    if not _CATEGORY.match(parameter.name) and parameter.kind == "number":
        found = _NUMBER.match(value.replace(",", ""))
        return _bin(float(found.group())) if found else OTHER
    return value if _SHORT.match(value) else OTHER


def _bin(number: float) -> str:
    if not math.isfinite(number):
        return OTHER
    if number <= 0:
        return "0 or less"
    low = 2.0 ** math.floor(math.log2(number))
    return f"{low:g}..{2 * low:g}"
