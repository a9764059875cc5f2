"""From scores to chances: isotonic maps over bins, many at once, so that the map's own uncertainty is known.

Source: J. Kivimäki et al., "Confidence-based estimators for predictive performance in model monitoring" (2025);
M. Ayer et al., "An empirical distribution function for sampling with incomplete information" (1955), pool adjacent
violators.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PRIOR = 0.02
"""Rows of the overall rate that every bin is given: an empty bin knows nothing but that."""


def isotonic(chance: Array, rows: Array) -> Array:
    """The rising values nearest to ``chance`` float64[B] (least squares), weighted by ``rows`` float64[B], above 0."""
    values: list[float] = []
    weights: list[float] = []
    widths: list[int] = []
    for one, its_weight in zip(chance.tolist(), rows.tolist(), strict=True):
        value, weight, width = one, its_weight, 1
        while values and values[-1] >= value:
            before = weights.pop()
            value = (values.pop() * before + value * weight) / (before + weight)
            weight += before
            width += widths.pop()
        values.append(value)
        weights.append(weight)
        widths.append(width)
    return np.repeat(np.asarray(values, dtype=np.float64), widths)


def maps(positive: Array, rows: Array, rounds: int, random: np.random.Generator) -> Array:
    """Chances of a positive by bin: float64[1 + rounds, B], the best map first, then draws of what it might be.

    ``positive`` and ``rows`` are float64[B], weighted counts of labelled rows. A draw resamples each bin's labels.
    """
    total = rows.sum()
    rate = positive.sum() / total if total > 0 else 0.0
    padded, hits = rows + PRIOR, positive + PRIOR * rate
    drawn = random.beta(np.maximum(hits, 1e-9), np.maximum(padded - hits, 1e-9), (rounds, len(rows)))
    every = np.concatenate([np.clip(hits / padded, 0.0, 1.0)[None, :], drawn])
    return np.stack([isotonic(one, padded) for one in every])
