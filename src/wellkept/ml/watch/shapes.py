"""Whether quantiles of what is served fit the distribution of the reference: pure arithmetic of several monitors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.reference import Distribution
from wellkept.store.telemetry.looks import LEVELS, Column

Floats = NDArray[np.float64]
ALIKE = 0.1
"""Distributions are alike when their shares below any edge differ by no more than this, and what chance explains."""
FACTORS = (100.0, 1000.0, 60.0, 3600.0, 1024.0, 86_400.0, 1e6, 10.0)
"""Between units: hundredths, thousandths, of time, of bytes, tenths."""
APART = 0.5
"""Values are elsewhere when the share below some edge differs by this. Of 100 values where nothing has changed it does
so once in 10 ** 21 times (Dvoretzky, Kiefer, Wolfowitz)."""
WITHIN = 1.36
"""Kolmogorov's limit at 5 %, times the root of the number of values."""


def below(quantiles: Floats, at: Floats) -> Floats:
    """The share of values at or below each of ``at``, from 21 quantiles, straight between them."""
    place = np.searchsorted(quantiles, at, side="right")
    left, right = np.clip(place - 1, 0, len(quantiles) - 1), np.clip(place, 0, len(quantiles) - 1)
    width = quantiles[right] - quantiles[left]
    part = np.divide(at - quantiles[left], width, out=np.zeros(len(at)), where=width > 0)
    share = LEVELS[left] + part * (LEVELS[right] - LEVELS[left])
    return np.where(place == 0, 0.0, np.where(place == len(quantiles), 1.0, share))


def distance(column: Column, reference: Distribution, factor: float = 1.0) -> float:
    """The largest difference of the shares at or below the reference's edges, those taken times a factor (0 to 1)."""
    edges = np.asarray(reference.edges, dtype=np.float64)
    if not len(edges) or column.is_word or not column.present or reference.rows == 0:
        return 1.0
    then = np.cumsum(reference.counts[:-1]) / reference.rows
    return float(np.max(np.abs(below(column.quantiles, edges * factor) - then)))


def is_alike(column: Column, reference: Distribution, factor: float = 1.0) -> bool:
    """Whether values look like the reference, its values taken times a factor."""
    if reference.is_category or column.is_word:
        known = sum(word in reference.categories for word in column.words)
        return bool(reference.is_category and column.is_word and column.words and known >= 0.8 * len(column.words))
    return distance(column, reference, factor) <= ALIKE + WITHIN / math.sqrt(max(column.present, 1))


def other_unit(column: Column, reference: Distribution) -> float:
    """The factor by which values that are elsewhere as they are fit the reference; 0 where there is none."""
    if column.is_word or len(reference.edges) < 3 or distance(column, reference) < APART:
        return 0.0
    both = (one for factor in FACTORS for one in (factor, 1 / factor))
    fitting = [one for one in both if is_alike(column, reference, one)]
    return min(fitting, key=lambda one: distance(column, reference, one), default=0.0)


def are_alike(column: Column, other: Column) -> bool:
    """Whether two columns of two looks have the same values."""
    if column.is_word or other.is_word:
        known = sum(word in other.words for word in column.words)
        return bool(column.is_word and other.is_word and column.words and known >= 0.8 * len(column.words))
    if not column.present or not other.present:
        return False
    at = other.quantiles
    apart = float(np.max(np.abs(below(column.quantiles, at) - below(other.quantiles, at))))
    return apart <= ALIKE + WITHIN / math.sqrt(min(column.present, other.present))


def share_outside(column: Column, low: float, high: float) -> float:
    """The share of values below ``low`` or above ``high``."""
    at_low, at_high = below(column.quantiles, np.asarray([low, high], dtype=np.float64))
    return float(at_low + 1.0 - at_high)


def z_of(now: float, now_rows: float, then: float, then_rows: float) -> float:
    """How many standard deviations two shares are apart, were they one (pooled)."""
    pooled = (now * now_rows + then * then_rows) / max(now_rows + then_rows, 1.0)
    spread = (pooled * (1 - pooled) * (1 / max(now_rows, 1.0) + 1 / max(then_rows, 1.0))) ** 0.5
    return abs(now - then) / spread if spread > 0 else 0.0
