"""Scales: values to places, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map of [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high <= self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def finite(values: Sequence[float]) -> list[float]:
    """The values that are numbers."""
    return [value for value in values if math.isfinite(value)]


def bounds(values: Sequence[float], *, from_zero: bool = True) -> tuple[float, float]:
    """The range of an axis: from zero where nothing is below and zero is not far, with a little air above."""
    known = finite(values)
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    if from_zero and low > 0 and (high - low) > 0.1 * high:
        low = 0.0
    if high <= low:
        spread = abs(high) * 0.1 or 1.0
        return (low - spread if low != 0 else 0.0), high + spread
    air = (high - low) * 0.08
    return (low if low == 0 else low - air), high + air


def ticks(low: float, high: float, about: int = 3) -> list[float]:
    """Round values in [low, high], about as many as asked for."""
    if high <= low:
        return [low]
    raw = (high - low) / max(1, about)
    magnitude = 10 ** math.floor(math.log10(raw))
    step = next(nice * magnitude for nice in _NICE if nice * magnitude >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def time_ticks(start: float, end: float, about: int = 5) -> list[float]:
    """Round moments (seconds since the epoch) in [start, end], about as many as asked for."""
    raw = (end - start) / max(1, about)
    step = next((step for step in _TIME_STEPS if step >= raw), _TIME_STEPS[-1])
    first = math.ceil(start / step)
    return [float(index * step) for index in range(first, math.floor(end / step) + 1)]
