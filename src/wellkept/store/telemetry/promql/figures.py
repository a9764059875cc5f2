"""Numbers as Prometheus writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import orjson
from numpy.typing import NDArray

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


def moments_of(moments: Iterable[float]) -> list[bytes]:
    """Each moment as the beginning of a JSON pair, with a place for its value (``dumped``)."""
    return [b'[%s,"%%b"]' % orjson.dumps(moment) for moment in moments]


def pairs_of(moments: Iterable[bytes]) -> bytes:
    """A JSON list of pairs with places for their values."""
    return b"[" + b",".join(moments) + b"]"


def dumped(pairs: bytes, values: NDArray[np.float64]) -> bytes:
    """The list with its values.

    A day by the minute of 500 series is 720,000 values; made one by one they would keep the server busy for most of a
    second. So all are written as texts at once.
    """
    if not len(values):
        return pairs
    written = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"e" in written or b"n" in written:
        texts = [text.encode() for text in all_shown(values.tolist())]
    else:
        texts = (written[1:-1] + b",").replace(b".0,", b",")[:-1].split(b",")
    return pairs % tuple(texts)
