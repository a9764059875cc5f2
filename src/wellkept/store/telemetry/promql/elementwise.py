"""Functions of single numbers, over whole grids; NaN and infinities go through them as in Go's arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.values import Numbers

_DAY_S = 86_400
_FARTHEST_S = 2.0e11
"""Seconds from the epoch beyond which there is no calendar (some six thousand years)."""

MATHS: Mapping[str, Callable[[Numbers], Numbers]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": np.rad2deg,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": np.deg2rad,
    "sgn": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def rounded(values: Numbers, to: Numbers) -> Numbers:
    """To the nearest multiple; ties go up."""
    inverse = 1.0 / to
    return np.asarray(np.floor(values * inverse + 0.5) / inverse)


def clamped(values: Numbers, lowest: Numbers | None, highest: Numbers | None) -> Numbers:
    """Within bounds; NaN stays what it is."""
    if highest is not None:
        values = np.minimum(values, highest)
    return values if lowest is None else np.maximum(values, lowest)


def _dated(read: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Callable[[Numbers], Numbers]:
    """A part of the date in UTC of seconds since the epoch."""

    def part(values: Numbers) -> Numbers:
        is_date = np.abs(values) < _FARTHEST_S
        seconds = np.floor(np.where(is_date, values, 0.0)).astype(np.int64)
        return np.where(is_date, read(seconds).astype(np.float64), np.nan)

    return part


def _months(seconds: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return seconds.astype("datetime64[s]").astype("datetime64[M]")


def _days_since(seconds: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    days = seconds.astype("datetime64[s]").astype("datetime64[D]")
    first = days.astype(f"datetime64[{unit}]").astype("datetime64[D]")
    return np.asarray((days - first).astype(np.int64) + 1)


def _days_in_month(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    months = _months(seconds)
    return np.asarray(((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64))


DATES: Mapping[str, Callable[[Numbers], Numbers]] = {
    "minute": _dated(lambda s: s // 60 % 60),
    "hour": _dated(lambda s: s // 3600 % 24),
    "day_of_week": _dated(lambda s: (s // _DAY_S + 4) % 7),
    "day_of_month": _dated(lambda s: _days_since(s, "M")),
    "day_of_year": _dated(lambda s: _days_since(s, "Y")),
    "days_in_month": _dated(_days_in_month),
    "month": _dated(lambda s: _months(s).astype(np.int64) % 12 + 1),
    "year": _dated(lambda s: s.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970),
}
"""Of a vector of seconds since the epoch, or of the moment of evaluation."""
