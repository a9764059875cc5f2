"""Where a short series changes its level: offline, over the whole of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHORTEST = 3
"""Points between two changes at least."""
PENALTY = 3.0
"""A change must explain so many times the noise and the logarithm of the length (a stricter BIC)."""


def segments(values: Floats) -> list[int]:
    """The first point of each new level in float64[n] or float64[n, d]; NaN is left out by the value before.

    Binary segmentation by squared error; the penalty follows BIC, and of a series whose neighbours have much in common
    fewer points count (it wanders off without any change). Sources: A. Scott, M. Knott 1974; van den Burg and Williams
    2020, where binary segmentation is among the best of fourteen methods.
    """
    series = np.asarray(values, dtype=np.float64)
    series = series[:, None] if series.ndim == 1 else series
    series = _filled(series)
    spread = series.std(axis=0)
    series = series[:, spread > 0] / spread[spread > 0]
    if len(series) < 2 * SHORTEST or not series.shape[1]:
        return []
    enough = PENALTY * np.log(len(series)) * series.shape[1]
    found: list[int] = []
    waiting = [(0, len(series))]
    while waiting:
        start, end = waiting.pop()
        at, gain = _best(series[start:end])
        if at and gain > enough:
            found.append(start + at)
            waiting += [(start, start + at), (start + at, end)]
    return sorted(found)


def _best(part: Floats) -> tuple[int, float]:
    """The cut that explains most, and how much: squared error less, in units of the noise around both levels."""
    count = len(part)
    if count < 2 * SHORTEST:
        return 0, 0.0
    sums, places = np.cumsum(part, axis=0), np.arange(1, count)[:, None]
    left, right = sums[:-1] / places, (sums[-1] - sums[:-1]) / (count - places)
    less = ((left - right) ** 2 * places * (count - places) / count)[SHORTEST - 1 : count - SHORTEST]
    total = ((part - part.mean(axis=0)) ** 2).sum(axis=0)
    noise = np.maximum((total - less) / (count - 2), 1e-6)
    gain = (less / noise).sum(axis=1)
    at = int(np.argmax(gain))
    cut = at + SHORTEST
    return cut, float(gain[at]) * _fresh(part, cut)


def _fresh(part: Floats, cut: int) -> float:
    """How much of a series' length counts: (1 - r) / (1 + r) of it, r being how much neighbours have in common."""
    rest = np.concatenate([part[:cut] - part[:cut].mean(axis=0), part[cut:] - part[cut:].mean(axis=0)])
    power = float((rest**2).sum())
    alike = float((rest[1:] * rest[:-1]).sum()) / power if power > 0 else 0.0
    alike = min(max(alike, 0.0), 0.9)
    return (1 - alike) / (1 + alike)


def _filled(series: Floats) -> Floats:
    filled = series.copy()
    for row in range(1, len(filled)):
        filled[row] = np.where(np.isfinite(filled[row]), filled[row], filled[row - 1])
    return np.nan_to_num(filled)
