"""Slow loss: the slope of performance over cohorts, and when it meets a floor at this pace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST = 8
"""Points below which there is no slope."""
MOST = 60
ROUNDS = 200
SEED = 31
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope per day with its 98 % interval, and the level at the newest point.

    ``days`` is when the floor is met at this pace (0: it is below already; None: never), ``soonest`` and ``latest`` the
    same at the interval's ends. ``is_falling``: the interval leaves no doubt that performance is getting worse.
    """

    slope: float
    low: float
    high: float
    level: float
    floor: float
    days: float | None
    soonest: float | None
    latest: float | None
    points: int
    is_falling: bool


def trend(at: Array, value: Array, floor: float, *, lower_is_better: bool) -> Trend | None:
    """The trend of float64[n] values at float64[n] seconds; None where there are too few that are known.

    Theil and Sen's slope, its interval by resampling blocks of neighbouring residuals, so that days that are like each
    other do not count as so many witnesses.
    """
    known = np.isfinite(value)
    day, seen = at[known][-MOST:] / DAY_S, value[known][-MOST:]
    if len(seen) < FEWEST or day[-1] <= day[0]:
        return None
    day = day - day[-1]
    slope = _slopes(day, seen[None, :])[0]
    level = float(np.median(seen - slope * day))
    drawn = _slopes(day, level + slope * day + _blocks(seen - level - slope * day))
    low, high = (float(edge) for edge in np.quantile(drawn, [0.01, 0.99]))
    sign = 1.0 if lower_is_better else -1.0
    worst, best = sorted((sign * low, sign * high), reverse=True)
    gap = sign * (floor - level)
    return Trend(
        slope=float(slope),
        low=low,
        high=high,
        level=level,
        floor=floor,
        days=_until(gap, sign * float(slope)),
        soonest=_until(gap, worst),
        latest=_until(gap, best),
        points=len(seen),
        is_falling=best > 0,
    )


def _until(gap: float, pace: float) -> float | None:
    """Days until a gap is closed by a pace towards it; None where it never is."""
    if gap <= 0:
        return 0.0
    return gap / pace if pace > 0 else None


def _slopes(at: Array, values: Array) -> Array:
    """The median of the slopes between every two points: float64[R, n] to float64[R]."""
    one, other = np.triu_indices(len(at), 1)
    apart = at[other] - at[one]
    usable = apart > 0
    one, other, apart = one[usable], other[usable], apart[usable]
    return np.asarray(np.median((values[:, other] - values[:, one]) / apart, axis=1), dtype=np.float64)


def _blocks(residual: Array) -> Array:
    """Residuals resampled in blocks: float64[n] to float64[ROUNDS, n]."""
    count = len(residual)
    length = max(2, round(count ** (1 / 3)) + 1)
    random = np.random.default_rng(SEED)
    pieces = -(-count // length)
    starts = random.integers(0, count, (ROUNDS, pieces))
    places = (starts[:, :, None] + np.arange(length)) % count
    centred = residual - residual.mean()
    return np.asarray(centred[places.reshape(ROUNDS, -1)[:, :count]], dtype=np.float64)
