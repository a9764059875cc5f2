"""Metrics of counts in bins: what is enough to know of a window, however many rows it has.

``positive`` and ``negative`` are float64[R, B], counts (expected or drawn) in bins of rising score, one row a draw;
``score`` is float64[B], the mean score of each bin. Rows of one bin count as ties.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Binned = Callable[[Array, Array, Array], Array]

LEAST_CHANCE = 1e-6
"""As in :func:`wellkept.ml.metrics.log_loss`."""
GROUPS = 10
TIES = 20
"""Fewer bins than this are the scores themselves: a model with so few of them has ties."""


def roc_auc(positive: Array, negative: Array, score: Array) -> Array:  # noqa: ARG001 - one signature for all
    """The chance that a positive is in a higher bin than a negative, the same bin counted half."""
    below = np.cumsum(negative, axis=1) - negative / 2
    return over((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def average_precision(positive: Array, negative: Array, score: Array) -> Array:  # noqa: ARG001 - one signature for all
    """Area under the precision-recall steps: one step a bin where bins are ties, else bins are gone through evenly."""
    hits, rows = positive[:, ::-1], (positive + negative)[:, ::-1]
    part = 0.0 if rows.shape[1] < TIES else 0.5
    below, above = np.cumsum(hits, axis=1) - part * hits, np.cumsum(rows, axis=1) - part * rows
    precision = below / np.where(above > 0, above, 1.0)
    return over((hits * precision).sum(axis=1), positive.sum(axis=1))


def brier(positive: Array, negative: Array, score: Array) -> Array:
    """Mean squared difference between score and outcome."""
    loss = positive @ (1 - score) ** 2 + negative @ score**2
    return over(loss, (positive + negative).sum(axis=1))


def log_loss(positive: Array, negative: Array, score: Array) -> Array:
    """Mean negative logarithm of the probability given to what happened."""
    hit, miss = np.clip(score, LEAST_CHANCE, 1.0), np.clip(1 - score, LEAST_CHANCE, 1.0)
    return over(-(positive @ np.log(hit) + negative @ np.log(miss)), (positive + negative).sum(axis=1))


def calibration_error(positive: Array, negative: Array, score: Array) -> Array:
    """Expected calibration error over ten groups of neighbouring bins with about equal counts."""
    rows = positive + negative
    if rows.shape[1] == 0:
        return np.full(len(rows), np.nan)
    share = np.cumsum(rows.mean(axis=0))
    group = np.minimum((share - rows.mean(axis=0) / 2) / max(share[-1], 1e-12) * GROUPS, GROUPS - 1).astype(np.int64)
    member = (group[:, None] == np.arange(GROUPS)).astype(np.float64)
    gaps = (positive - rows * score) @ member
    return over(np.abs(gaps).sum(axis=1), rows.sum(axis=1))


BINARY: dict[str, Binned] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}
"""Metrics of a binary classifier that counts in bins are enough for."""


def accuracy(confusion: Array) -> Array:
    """Of float64[R, K, K] (named class, true class): the share on the diagonal."""
    return over(np.trace(confusion, axis1=1, axis2=2), confusion.sum(axis=(1, 2)))


def macro_f1(confusion: Array) -> Array:
    """The mean F1 of the classes that are there or named."""
    right = np.diagonal(confusion, axis1=1, axis2=2)
    both = confusion.sum(axis=1) + confusion.sum(axis=2)
    found = np.where(both > 0, 2 * right / np.where(both > 0, both, 1.0), 0.0)
    return over(found.sum(axis=1), (both > 0).sum(axis=1).astype(np.float64))


CLASSES: dict[str, Callable[[Array], Array]] = {"accuracy": accuracy, "macro_f1": macro_f1}
"""Metrics of a classifier of many classes: of its confusion matrix."""
LOSSES = frozenset({"mae", "rmse", "wape"})
"""Metrics of numbers: of sums of their losses."""


def can_estimate(name: str) -> bool:
    """Whether a metric can be estimated without labels."""
    return name in BINARY or name in CLASSES or name in LOSSES


def over(above: Array, below: Array) -> Array:
    """A ratio; NaN where there is nothing to divide by."""
    return np.asarray(np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan), dtype=np.float64)
