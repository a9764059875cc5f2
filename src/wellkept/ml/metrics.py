"""Metrics over arrays: ``label`` and ``score`` are float64[n]; NaN where a metric has no meaning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def average_precision(label: Array, score: Array) -> float:
    """Area under the precision-recall steps, ties taken together (as scikit-learn defines it)."""
    if label.sum() == 0:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits, ranked = np.cumsum(label[order]), score[order]
    last_of_tie = np.r_[np.diff(ranked) != 0, True]
    recall = hits[last_of_tie] / label.sum()
    precision = hits[last_of_tie] / (np.flatnonzero(last_of_tie) + 1)
    return float(np.sum(np.diff(np.r_[0.0, recall]) * precision))


def roc_auc(label: Array, score: Array) -> float:
    """The chance that a positive scores above a negative, ties counted half (Mann-Whitney)."""
    positives = label.sum()
    negatives = len(label) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[label > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def brier(label: Array, score: Array) -> float:
    """Mean squared difference between the score and what happened."""
    if len(label) == 0:
        return float("nan")
    return float(np.mean((label - score) ** 2))


def rmse(label: Array, score: Array) -> float:
    """Root of the mean squared error."""
    if len(label) == 0:
        return float("nan")
    return float(np.sqrt(np.mean((label - score) ** 2)))


def mae(label: Array, score: Array) -> float:
    """Mean absolute error."""
    if len(label) == 0:
        return float("nan")
    return float(np.mean(np.abs(label - score)))


METRICS: dict[str, Callable[[Array, Array], float]] = {
    "average_precision": average_precision,
    "roc_auc": roc_auc,
    "brier": brier,
    "rmse": rmse,
    "mae": mae,
}


def paired_interval(
    metric: Callable[[Array, Array], float], label: Array, ours: Array, theirs: Array, seed: int, rounds: int = 200
) -> tuple[float, float]:
    """The 5 % and 95 % quantiles of ``metric(ours) - metric(theirs)`` over resampled rows (paired bootstrap)."""
    if len(label) == 0:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    differences = []
    for _ in range(rounds):
        rows = random.integers(0, len(label), len(label))
        differences.append(metric(label[rows], ours[rows]) - metric(label[rows], theirs[rows]))
    return _middle(differences)


def interval(
    metric: Callable[[Array, Array], float], label: Array, score: Array, seed: int, rounds: int = 200
) -> tuple[float, float]:
    """The 5 % and 95 % quantiles of a metric over resampled rows (bootstrap)."""
    if len(label) == 0:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    return _middle(
        [
            metric(label[rows], score[rows])
            for rows in (random.integers(0, len(label), len(label)) for _ in range(rounds))
        ]
    )


def _middle(values: list[float]) -> tuple[float, float]:
    """The 5 % and 95 % quantiles of the values that are numbers; NaN without any."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.05, 0.95])
    return float(low), float(high)
