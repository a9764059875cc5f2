"""When a limit is reached, if the coming days are like those before: daily and weekly rhythms without a model of them.

Each day of the past is one story of what comes: what was added from this time of day on until now, and then the same
again. The story of a week ago is the forecast where there is one, else the median of them; their spread is its
interval. A fault adds its own pace on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.growth import WIDENING, filled, steps_by_day
from wellkept.ops.detect.signals import Signals

Floats = NDArray[np.float64]

DAY_S = 86_400.0
AHEAD_DAYS = 4
"""How far ahead the stories are told."""
FLOOR_S = 3600.0
"""What breathes in and out is followed along the least of so long a time."""
WEEK = 7
"""Days after which weekdays come again: where so many are known, the same day of earlier weeks is the forecast."""
ENOUGH_DAYS = 2
"""So many days tell what is usual at an hour."""
LEAST_TODAY = 0.4
"""In the first week, today may be so much slower than other days, or as much quicker."""
GROWING = 0.8
"""Where a half day rose by less than this share of its range, something was taken away, and it is no measure."""
AS_USUAL = 0.7
"""Growth is usual where earlier days had this share of its pace at the same time of day, give or take an hour."""
ON_MOST_DAYS = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a level grows lately, per second: the slowest and the fastest that it may be, and for how long."""

    slope: float
    low: float
    high: float
    lasted_s: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Seconds to the limit, infinite where it is not within reach, and the interval of them.

    ``surely``: the seconds within which three of four stories get there. ``days``: how many there are. ``is_usual``:
    whether growth as of late is what earlier days had at this time.
    """

    seconds: float
    low: float
    high: float
    surely: float
    days: int
    is_usual: bool


def outlook(long: Signals, row: int, level: float, now_s: float, *, lowest: bool, pace: Pace | None) -> Outlook | None:
    """The outlook of one signal; None where less than a day is known.

    ``level``: its newest value, at ``now_s``, which may be later than the newest of ``long``. ``pace``: what a window
    of fine steps saw lately; None leaves it to the days.
    """
    step_s = long.step_s
    per_day = round(DAY_S / step_s)
    values, peak = long.values[row], level
    if lowest:
        values = _floor(values, max(1, round(FLOOR_S / step_s)))
        level = min(level, float(filled(values)[-1])) if np.isfinite(values).any() else level
    newer = max(0, round((now_s - long.times[-1]) / step_s))
    told = np.concatenate([values, np.full(newer, level)])
    if len(told) <= per_day or not np.isfinite(filled(told)[-1 - per_day]):
        return None
    left, most = long.limits[row] - level, AHEAD_DAYS * per_day
    is_usual = True
    extras = (0.0, 0.0, 0.0)
    if pace is not None:
        usual, quickest = _usual_pace(told, per_day, step_s, pace)
        is_usual = bool(np.mean(quickest >= AS_USUAL * pace.slope) >= ON_MOST_DAYS)
        is_usual |= lowest and peak <= highest_before(long.values[row], round(pace.lasted_s / step_s))
        if not is_usual:
            extras = (
                max(0.0, pace.low - usual) * step_s,
                max(0.0, pace.slope - usual) * step_s,
                max(0.0, pace.high - usual) * step_s,
            )
    if is_usual:
        left /= _today(told, per_day)
    slow, likely, quick = (steps_by_day(told, per_day, left, extra, most) * step_s for extra in extras)
    return Outlook(
        seconds=float(np.median(likely[WEEK - 1 :: WEEK] if len(likely) >= WEEK else likely)),
        low=float(np.quantile(quick, 0.1, method="lower")) / WIDENING,
        high=float(np.quantile(slow, 0.9, method="higher")) * WIDENING,
        surely=float(np.quantile(likely, 0.75, method="higher")),
        days=len(likely),
        is_usual=is_usual,
    )


def highest_before(values: Floats, newest: int) -> float:
    """What breathes must rise above this before its growth is new: all but the newest values, and a tenth of them."""
    earlier = values[: max(0, len(values) - newest - 1)]
    if not np.isfinite(earlier).any():
        return -np.inf
    highest, lowest = float(np.fmax.reduce(earlier)), float(np.fmin.reduce(earlier))
    return highest + 0.1 * (highest - lowest)


def _today(told: Floats, per_day: int) -> float:
    """How the last half day compares with the same hours of earlier days; 1 where weekdays are known anyway."""
    known = filled(told)
    half = per_day // 2
    origins = np.arange(len(known) - 1 - per_day, half - 1, -per_day)
    if len(origins) >= WEEK or len(origins) < ENOUGH_DAYS:
        return 1.0
    usual = float(np.median(known[origins] - known[origins - half]))
    rise, swing = float(known[-1] - known[-1 - half]), float(np.ptp(known[-1 - half :]))
    if not rise >= GROWING * swing:
        return 1.0
    return min(max(rise / usual, LEAST_TODAY), 1.0 / LEAST_TODAY) if usual > 0 else 1.0


def _usual_pace(told: Floats, per_day: int, step_s: float, pace: Pace) -> tuple[float, Floats]:
    """At this time of earlier days: the median growth per second, and the quickest of each day within an hour."""
    known = filled(told)
    length = max(1, round(pace.lasted_s / step_s))
    slack = max(1, round(FLOOR_S / step_s))
    same, quickest = [], []
    for origin in range(len(known) - 1 - per_day, length + slack - 1, -per_day):
        if not np.isfinite(known[origin - length - slack]):
            break
        ends = known[origin - slack : origin + slack + 1]
        starts = known[origin - slack - length : origin + slack + 1 - length]
        slopes = (ends - starts) / (length * step_s)
        same.append(float(slopes[slack]))
        quickest.append(float(slopes.max()))
    return (float(np.median(same)) if same else 0.0), np.array(quickest or [-np.inf])


def _floor(values: Floats, steps: int) -> Floats:
    """The least of the last ``steps`` values at each step; NaN where there was none."""
    padded = np.concatenate([np.full(steps - 1, np.inf), np.where(np.isfinite(values), values, np.inf)])
    least = np.lib.stride_tricks.sliding_window_view(padded, steps).min(axis=1)
    return np.where(np.isfinite(least), least, np.nan)
