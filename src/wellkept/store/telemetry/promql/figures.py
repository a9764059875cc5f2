"""Numbers as Prometheus writes them."""

from __future__ import annotations

import math

import numpy as np

_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e16
_SHOWN_FROM, _SHOWN_TO = 1e-6, 1e21


def positional(value: float) -> str:
    """The shortest digits that give the number again, without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return repr(value).removesuffix(".0")
    return np.format_float_positional(value, trim="-")


def shown(value: float) -> str:
    """The same, with an exponent where the number is very small or very large."""
    size = abs(value)
    if size == 0 or not math.isfinite(value) or _SHOWN_FROM <= size < _SHOWN_TO:
        return positional(value)
    return np.format_float_scientific(value, trim="-", exp_digits=2)


def all_shown(values: list[float]) -> list[str]:
    """Many numbers at once; nearly all of them are plain."""
    texts = [repr(value) for value in values]
    return [
        text.removesuffix(".0") if "e" not in text and "n" not in text else shown(value)
        for text, value in zip(texts, values, strict=True)
    ]
