"""How far a value lies outside of what came shortly before it. All are signed, and 0 inside of what was usual."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

NAMES = ("range3", "difference", "season", "record_long", "stayed", "range20", "blocks", "record_short")
"""The residuals, in the order in which they are stacked:

- ``range3``: outside the range of the 3 values before; 0 when a spike falls back.
- ``difference``: from the value before.
- ``season``: outside what was seen around this time yesterday and a week ago, whichever is nearer.
- ``record_long``, ``record_short``: beyond the highest or lowest so far, which relax in a week or a day.
- ``stayed``: the smaller of the last two exceedances to one side, over the 3 values before both: a jump that stayed.
- ``range20``: outside the range of the 20 values before.
- ``blocks``: the mean of 5 values outside the range of the means of the three fives before.
"""
LAYOUT: Layout = {"recent": Slot((20,), np.nan)}


def outside(values: Floats, low: Floats, high: Floats) -> Floats:
    """Signed distance to the band; 0 inside, NaN where there is no band."""
    return np.asarray(np.maximum(values - high, 0) + np.minimum(values - low, 0), dtype=np.float32)


def recent(state: State, values: Floats) -> dict[str, Floats]:
    """The residuals that need no clock, of values [B, S] that may be NaN; remembers the last 20 values of each series.

    NaN where there are too few values before, or where there is no value.
    """
    seen = np.isfinite(values)
    if seen.all():
        return _compact(state, values)
    order = np.argsort(~seen, axis=0, kind="stable")
    found = _compact(state, np.take_along_axis(values, order, axis=0), seen.sum(axis=0))
    back = np.argsort(order, axis=0)
    return {name: np.take_along_axis(array, back, axis=0) for name, array in found.items()}


def _compact(state: State, values: Floats, counts: NDArray[np.intp] | None = None) -> dict[str, Floats]:
    """As ``recent``, where each column holds its values without gaps, and NaN after them."""
    size = len(values)
    line = np.concatenate((state["recent"], values))
    if counts is None:
        state["recent"] = line[size:].copy()
    else:
        state["recent"] = np.take_along_axis(line, counts[None, :] + np.arange(20)[:, None], axis=0)

    def lag(steps: int) -> Floats:
        return line[20 - steps : 20 - steps + size]

    low3, high3 = _range(line, 3)
    now = outside(values, low3[20 : 20 + size], high3[20 : 20 + size])
    low, high = low3[19 : 19 + size], high3[19 : 19 + size]
    this, before = outside(values, low, high), outside(lag(1), low, high)
    stayed = np.where(this > 0, np.minimum(this, np.maximum(before, 0)), np.maximum(this, np.minimum(before, 0)))
    low20, high20 = _range(line, 20)
    return {
        "range3": now,
        "difference": values - lag(1),
        "stayed": stayed,
        "range20": outside(values, low20[20 : 20 + size], high20[20 : 20 + size]),
        "blocks": _blocks(line, size),
        "low3": low3[20 : 20 + size],
        "high3": high3[20 : 20 + size],
    }


def _range(line: Floats, width: int) -> tuple[Floats, Floats]:
    """Least and greatest of the ``width`` values before each row (NaN for the first rows), doubling the reach."""
    low, high = line, line
    reach = 1
    while reach < width:
        more = min(reach, width - reach)
        low = np.concatenate((low[:more] * np.nan, np.minimum(low[more:], low[:-more])))
        high = np.concatenate((high[:more] * np.nan, np.maximum(high[more:], high[:-more])))
        reach += more
    first = np.full_like(line[:1], np.nan)
    return np.concatenate((first, low[:-1])), np.concatenate((first, high[:-1]))


def _blocks(line: Floats, size: int) -> Floats:
    means = sum((line[i : len(line) - 4 + i] for i in range(1, 5)), line[: len(line) - 4]) / np.float32(5)
    # means[k] is that of line[k : k + 5]; the newest of row i ends at line[20 + i].
    now, one, two, three = (means[16 - back : 16 - back + size] for back in (0, 5, 10, 15))
    low, high = np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three)
    return outside(now, low, high)
