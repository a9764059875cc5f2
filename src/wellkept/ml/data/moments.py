"""Moments of sources as microseconds since 1970 (UTC): a time without a zone is UTC, whatever wrote it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError

Micros = NDArray[np.int64]
UTC_MICROS = pa.timestamp("us", tz="UTC")
NEVER = np.iinfo(np.int64).max
"""What a moment is that is not known: later than all others."""
FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Moments outside of this are taken for mistakes of the unit."""
Written = Literal["timestamp", "text", "iso", "seconds", "milliseconds"]
"""How a database is given a moment: as a timestamp, as a text in UTC (``2026-03-01 12:00:00.000000``, or with a T
between and a Z behind), or as a number since 1970."""
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_ZONE = r"(Z|[+-]\d\d:?\d\d)$"


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970; exact."""
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def written(moment: datetime, form: Written) -> Any:
    """A moment as a value to be bound."""
    moment = moment.astimezone(UTC)
    if form in ("text", "iso"):
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f" if form == "text" else "%Y-%m-%dT%H:%M:%S.%fZ")
    if form == "seconds":
        return micros_of(moment) / 1e6
    return micros_of(moment) // 1000 if form == "milliseconds" else moment


def moments(column: pa.ChunkedArray, unit: str | None, where: str, *, up: bool = True) -> Micros:
    """A column as int64[n]; null and NaN are ``NEVER``.

    Args:
        column: timestamps, dates, ISO 8601 texts, or numbers since 1970 whose ``unit`` (s, ms, us, ns) is said.
        unit: of numbers.
        where: how the column is called in messages.
        up: parts of a microsecond count as a whole one, so that nothing is known too early; else they are cut off.

    Raises:
        InputError: it is of no such type, or a moment lies outside of the years 1900 to 2200.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column, kind = _parsed(column, where), UTC_MICROS
    if pa.types.is_null(kind):
        return np.full(len(column), NEVER, dtype=np.int64)
    if pa.types.is_date(kind):
        found = _scaled(_numbers(column.cast(pa.date32()).cast(pa.int32())), 86_400 * 1e6)
    elif pa.types.is_timestamp(kind):
        found = _rescaled(column.cast(pa.int64()), PER_SECOND[kind.unit], up=up)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        if unit is None:
            raise InputError(where, "is a number; say its time_unit (s, ms, us or ns)", str(kind))
        is_whole = pa.types.is_integer(kind)
        per = PER_SECOND[unit]
        found = _rescaled(column.cast(pa.int64()), per, up=up) if is_whole else _scaled(_numbers(column), 1e6 / per)
    else:
        raise InputError(where, "must be a column of moments", str(kind))
    odd = (found != NEVER) & ((found < micros_of(FIRST)) | (found > micros_of(LAST)))
    if odd.any():
        rule = "must lie between the years 1900 and 2200; is its time_unit right?"
        raise InputError(where, rule, str(column.filter(pa.array(odd))[0].as_py()))
    return found


def as_column(found: Micros) -> pa.Array:
    """The other way: timestamps in UTC, ``NEVER`` is null."""
    return pa.array(found, mask=found == NEVER, type=pa.int64()).cast(UTC_MICROS)


def _parsed(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """ISO 8601 texts, with and without a zone."""
    zoned = pc.fill_null(pc.match_substring_regex(column, _ZONE), fill_value=False)
    try:
        there = pc.if_else(zoned, column, None).cast(UTC_MICROS)
        bare = pc.if_else(zoned, None, column).cast(pa.timestamp("us")).cast(pa.int64()).cast(UTC_MICROS)
    except pa.ArrowException as error:
        raise InputError(where, f"must be moments as ISO 8601 writes them: {error}") from error
    return pc.coalesce(there, bare)


def _rescaled(column: pa.ChunkedArray, per_second: int, *, up: bool) -> Micros:
    """Whole numbers of a unit as microseconds, without a detour over floats."""
    values = column.fill_null(0).to_numpy()
    if per_second > 1_000_000:
        step = per_second // 1_000_000
        made = -(-values // step) if up else values // step
    else:
        step = 1_000_000 // per_second
        far = np.abs(values) > NEVER // step
        made = np.where(far, NEVER - 1, np.where(far, 0, values) * step)
    return np.where(_is_null(column), NEVER, made)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _scaled(values: NDArray[np.float64], factor: float) -> Micros:
    known = np.isfinite(values)
    made = np.clip(np.where(known, values, 0.0) * factor, -9e18, 9e18)
    return np.where(known, np.ceil(made).astype(np.int64), NEVER)


def _is_null(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
