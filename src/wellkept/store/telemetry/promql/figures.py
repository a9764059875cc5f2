"""Numbers as Prometheus writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.store.telemetry.promql.values import Flags, Numbers

_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e16
_SHOWN_FROM, _SHOWN_TO = 1e-6, 1e21
_AT_ONCE = 1 << 15
"""So many values are written at once: their texts stay in the processor's cache."""


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


def lists_of(moments: Sequence[float], grid: Numbers, present: Flags, rows: Sequence[int]) -> list[bytes]:
    """Some rows of a grid, each as a JSON list of pairs: a moment, and what there is at it as a text.

    A day by the minute of 500 series is 720,000 values; made one by one they would keep the server busy for most of a
    second. So many are made at once, and no value ever becomes an object.
    """
    begins = pa.array([b'%s,"' % orjson.dumps(moment) for moment in moments], pa.binary())
    count = max(1, _AT_ONCE // max(1, len(moments)))
    parts = (list(rows[first : first + count]) for first in range(0, len(rows), count))
    return [text for part in parts for text in _lists(begins, grid[part], present[part])]


def _lists(begins: pa.Array, grid: Numbers, present: Flags) -> list[bytes]:
    """``begins``: each moment as the beginning of a pair."""
    if present.all():
        before, values = pa.concat_arrays([begins] * len(grid)), grid.reshape(-1)
    else:
        before, values = begins.take(pa.array(np.nonzero(present)[1])), grid[present]
    if not len(values):
        return [b"[]"] * len(grid)
    pairs = pc.binary_join_element_wise(before, _ends(values), b"")
    _, offsets, content = pairs.buffers()
    edges = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    places = np.frombuffer(offsets, np.int32)[edges].tolist()
    text = memoryview(content)
    return [b"".join((b"[[", text[start : end - 2], b"]")) if end > start else b"[]" for start, end in pairwise(places)]


def _ends(values: Numbers) -> pa.Array:
    """Each value as the end of a pair, and the beginning of the next."""
    written = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    if b"e" in written or b"n" in written:
        return pa.array([f'{text}"],['.encode() for text in all_shown(values.tolist())], pa.binary())
    text = (written[1:-1] + b",").replace(b".0,", b",").replace(b",", b'"],[')
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("[")) + 1
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(text)])
