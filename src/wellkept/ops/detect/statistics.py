"""Order statistics over the rows of arrays that have holes, without a Python loop over rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def quantiles(values: Floats, *levels: float) -> tuple[Floats, ...]:
    """Quantiles along the last axis, NaN left out (linear interpolation); NaN where a row has no value.

    ``values``: float64[..., N]; each result: float64[...]. One sort serves all levels.
    """
    if values.shape[-1] == 0:
        return tuple(np.full(values.shape[:-1], np.nan) for _ in levels)
    ordered = np.sort(values, axis=-1).reshape(-1, values.shape[-1])
    count = np.isfinite(ordered).sum(axis=-1)
    return tuple(_at(ordered, count, level).reshape(values.shape[:-1]) for level in levels)


def median(values: Floats) -> Floats:
    """The median along the last axis, NaN left out."""
    return quantiles(values, 0.5)[0]


def _at(ordered: Floats, count: NDArray[np.intp], level: float) -> Floats:
    last, rows = np.maximum(count - 1, 0), np.arange(len(ordered))
    position = last * level
    low = np.floor(position).astype(np.intp)
    below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, last)]
    with np.errstate(invalid="ignore"):
        found = below + (above - below) * (position - low)
    return np.where(count > 0, found, np.nan)
