"""Growth of late, of many signals at once: over the longest stretch back from now in which it was steady."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.growth import WIDENING, extremes, is_new, pair_slopes, steady, stretches
from wellkept.ops.detect.meaning import Extreme
from wellkept.ops.detect.signals import Signals
from wellkept.ops.detect.statistics import quantiles

Floats = NDArray[np.float64]

BLOCKS = 8
"""A stretch of growth is judged by the extremes of this many blocks, in pairs."""
LEAST_SHARE = 0.02
"""Growth of less than this share of the limit is nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """What is known about growth, float64[S] each, NaN where there is none. Slopes are per second.

    ``low``, ``high``: the interval of the slope; ``lasted_s``: over how long; ``rise``: how much in that time.
    """

    slope: Floats
    low: Floats
    high: Floats
    lasted_s: Floats
    rise: Floats


def recent_growth(found: Signals, level: Floats, window: int, shortest: int, known: float) -> Growth:
    """The growth of signals within their last ``window`` steps.

    Several stretches are tried, the longest first, none below ``shortest`` steps. ``level``: the newest value of each,
    NaN leaves one out, and so does having been known for fewer steps than ``known``.
    """
    values = found.values[:, max(0, found.values.shape[1] - window) :]
    best = Growth(*(np.full(len(values), np.nan) for _ in range(5)))
    if values.shape[1] < shortest:
        return best
    fills = np.array([meaning.fills is Extreme.LOWEST for meaning in found.meanings], dtype=bool)
    material = np.maximum(found.column(lambda meaning: meaning.floor), LEAST_SHARE * found.limits)
    total = values.shape[1]
    for_long = found.values.shape[1] - np.argmax(np.isfinite(found.values), axis=1) >= known
    candidates = np.flatnonzero(np.isfinite(found.limits) & np.isfinite(level) & for_long)
    for steps in stretches(total, shortest):
        length = steps // BLOCKS
        left = candidates[np.isnan(best.slope[candidates])]
        if len(left) == 0:
            break
        heights = extremes(values[left, total - length * BLOCKS :], fills[left], BLOCKS)
        slopes = pair_slopes(heights, length * found.step_s)
        grown = steady(heights, slopes, material[left])
        if not grown.any():
            continue
        grown &= is_new(values[left, : total - length * BLOCKS], heights, fills[left], length)
        chosen = left[grown]
        low, middle, high = quantiles(slopes[grown], 0.1, 0.5, 0.9)
        best.slope[chosen], best.lasted_s[chosen] = middle, length * BLOCKS * found.step_s
        best.low[chosen], best.high[chosen] = low / WIDENING, high * WIDENING
        best.rise[chosen] = heights[grown, -1] - heights[grown, 0]
    return best
