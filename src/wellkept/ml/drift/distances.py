"""How far two spreads of counts are apart. All take counts float64[..., B] beside counts float64[B]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HALF_COUNT = 0.5
"""Added to every bin, so that an empty one has a logarithm."""


def shares(counts: Floats) -> Floats:
    """The share of each bin, half a row added to all."""
    filled = np.asarray(counts, dtype=np.float64) + HALF_COUNT
    return np.asarray(filled / filled.sum(axis=-1, keepdims=True), dtype=np.float64)


def divergence(counts: Floats, reference: Floats) -> Floats:
    """The likelihood ratio statistic of two samples: twice the rows times their Jensen-Shannon divergence.

    Where nothing has changed it is about chi-square with a degree of freedom for every bin but one.
    """
    counts, reference = np.asarray(counts, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    rows, known = counts.sum(axis=-1, keepdims=True), reference.sum()
    if known <= 0:
        return np.zeros(counts.shape[:-1])
    both = (counts + reference) / np.maximum(rows + known, 1.0)
    terms = _log_ratio(counts, rows * both) + _log_ratio(reference + 0 * counts, known * both)
    return np.asarray(2 * terms.sum(axis=-1), dtype=np.float64)


def ordered(counts: Floats, reference: Floats) -> Floats:
    """How far the middle has moved along the bins: the squared difference of mean places, in its standard errors.

    It has one degree of freedom, and so tells a small shift of the whole from chance on fewer rows than
    :func:`divergence`; of categories, which have no order, it says nothing.
    """
    counts, reference = np.asarray(counts, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    known = max(float(reference.sum()), 1.0)
    places = (np.cumsum(reference) - reference / 2) / known
    rows = np.maximum(counts.sum(axis=-1), 1.0)
    moved = counts @ places / rows - reference @ places / known
    spread = max(float(reference @ places**2 / known - (reference @ places / known) ** 2), 1e-12)
    return np.asarray(moved**2 / (spread * (1 / rows + 1 / known)), dtype=np.float64)


def psi(counts: Floats, reference: Floats) -> Floats:
    """The population stability index, ``sum((p - q) * ln(p / q))``: an effect's size, whatever the number of rows."""
    now, then = shares(counts), shares(reference)
    return np.asarray(((now - then) * np.log(now / then)).sum(axis=-1), dtype=np.float64)


def jensen_shannon(counts: Floats, reference: Floats) -> Floats:
    """The square root of the Jensen-Shannon divergence to the base of 2: from 0 to 1, as NannyML counts it."""
    now, then = shares(counts), shares(reference)
    both = (now + then) / 2
    bits = 0.5 * (now * np.log2(now / both) + then * np.log2(then / both)).sum(axis=-1)
    return np.asarray(np.sqrt(np.maximum(bits, 0.0)), dtype=np.float64)


def _log_ratio(seen: Floats, expected: Floats) -> Floats:
    """``seen * ln(seen / expected)``, which is 0 where nothing was seen."""
    safe = np.where(seen > 0, seen, 1.0) / np.where((seen > 0) & (expected > 0), expected, 1.0)
    return np.asarray(seen * np.log(safe), dtype=np.float64)
