"""Slow loss on made histories: how often it is told of what does not fall, and how soon of what does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.trend import FEWEST, MOST, Trend, trend
from wellkept.ml.watch.monitors.slowloss import is_told

Floats = NDArray[np.float64]

LOOKS = 40
"""Cohorts that are looked at one after the other, each as it comes: ten windows."""
BEFORE = 24
STREAMS = 60
DAY_S = 86_400.0
PROMISED, FLOOR = 0.9, 0.8
NOISE = 0.01
FALLS = 0.0015
"""A cohort; the floor is met after 67 of them."""


def evaluate(first: int, streams: int = STREAMS) -> dict[str, Any]:
    """Shares of histories with a finding: steady ones (with independent noise, and with noise that lasts), and falling
    ones, with the median error of the date that the floor is met, in parts of what was left.
    """
    found: dict[str, Any] = {"looks": LOOKS, "streams": streams}
    for name, lasting, falls in (("steady", 0.0, 0.0), ("steady_lasting_noise", 0.6, 0.0), ("falling", 0.3, FALLS)):
        told, errors = 0, []
        for seed in range(first, first + streams):
            values = _values(np.random.default_rng([seed, round(10 * lasting)]), lasting, falls)
            for last in range(BEFORE, BEFORE + LOOKS):
                at = np.arange(last, dtype=np.float64) * DAY_S
                said = trend(at, values[:last], FLOOR, lower_is_better=False)
                if said is not None and is_told(said, PROMISED, min(last, MOST) * 1.0, is_open=False):
                    told += 1
                    errors += _off(said, last, falls)
                    break
        found[name] = {"told": round(told / streams, 4)}
        if errors:
            found[name]["date_error"] = round(float(np.median(errors)), 3)
    found["points"] = [FEWEST, MOST]
    return found


def _values(random: np.random.Generator, lasting: float, falls: float) -> Floats:
    """Performance of one cohort after the other; noise keeps a part of itself from cohort to cohort."""
    count = BEFORE + LOOKS
    noise = np.zeros(count)
    drawn = random.normal(0, NOISE * np.sqrt(1 - lasting**2), count)
    for k in range(count):
        noise[k] = drawn[k] + (lasting * noise[k - 1] if k else 0.0)
    return np.asarray(PROMISED - falls * np.arange(count) + noise, dtype=np.float64)


def _off(said: Trend, last: int, falls: float) -> list[float]:
    """How far the date is off, in parts of the true time that is left."""
    if falls <= 0 or said.days is None:
        return []
    left = (PROMISED - FLOOR) / falls - (last - 1)
    return [abs(said.days - left) / left] if left > 0 else []
