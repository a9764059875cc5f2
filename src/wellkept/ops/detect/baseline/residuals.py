"""How far a value lies outside of what came shortly before it. All are signed, and 0 inside of what was usual."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

SUDDEN = ("range3", "difference", "season", "record_long", "stayed")
"""The residuals that ``sudden`` is made of, in the order of its weights."""
UNUSUAL = ("difference", "season", "range20", "blocks", "record_short")
"""The residuals that ``unusual`` is made of, in the order of its weights.

- ``range3``, ``range20``: outside the range of the 3 or 20 values before; 0 when a spike falls back.
- ``difference``: from the value before.
- ``season``: outside what was seen around this time yesterday and a week ago, whichever is nearer.
- ``record_long``, ``record_short``: beyond the highest or lowest so far, which relax in a week or a day.
- ``stayed``: the smaller of the last two exceedances to one side, over the 3 values before both: a jump that stayed.
- ``blocks``: the mean of 5 values outside the range of the means of the three fives before.
"""
MEMORY = 20
LAYOUT: Layout = {"recent": Slot((MEMORY,), np.nan)}


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
    return {name: np.where(seen, np.take_along_axis(array, back, axis=0), np.nan) for name, array in found.items()}


def _compact(state: State, values: Floats, counts: NDArray[np.intp] | None = None) -> dict[str, Floats]:
    """As ``recent``, where each column holds its values without gaps, and NaN after them."""
    size = len(values)
    line = np.concatenate((state["recent"], values))
    if counts is None:
        state["recent"] = line[size:].copy()
    else:
        state["recent"] = np.take_along_axis(line, counts[None, :] + np.arange(MEMORY)[:, None], axis=0)
    before = line[MEMORY - 1 : -1]
    low3, high3 = _range_before(line, 3)
    low, high = low3[-size:], high3[-size:]
    this, last = (
        outside(values, low3[-size - 1 : -1], high3[-size - 1 : -1]),
        outside(before, low3[-size - 1 : -1], high3[-size - 1 : -1]),
    )
    return {
        "range3": outside(values, low, high),
        "difference": values - before,
        "stayed": np.where(this > 0, np.minimum(this, np.maximum(last, 0)), np.maximum(this, np.minimum(last, 0))),
        "range20": outside(values, *(edge[-size:] for edge in _range_before(line, 20))),
        "blocks": _blocks(line, size),
    }


def _range_before(line: Floats, width: int) -> tuple[Floats, Floats]:
    """Least and greatest of the ``width`` values before each row, without the first ``width`` rows."""
    low, high = line[:-1], line[:-1]
    reach = 1
    while reach < width:
        more = min(reach, width - reach)
        low, high = np.minimum(low[more:], low[:-more]), np.maximum(high[more:], high[:-more])
        reach += more
    return low, high


def _blocks(line: Floats, size: int) -> Floats:
    means = sum((line[i : len(line) - 4 + i] for i in range(1, 5)), line[: len(line) - 4]) / np.float32(5)
    now, one, two, three = (means[len(means) - back - size : len(means) - back] for back in (0, 5, 10, 15))
    return outside(now, np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three))
