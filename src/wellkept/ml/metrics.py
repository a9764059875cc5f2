"""Metrics over arrays: ``label`` and ``score`` are float64[n]; NaN where a metric has no meaning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CALIBRATION_BINS = 10


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


def log_loss(label: Array, score: Array) -> float:
    """Mean negative logarithm of the probability that was given to what happened, which counts as at least 1e-6."""
    if len(label) == 0:
        return float("nan")
    return float(-np.mean(np.log(np.clip(np.where(label > 0, score, 1 - score), 1e-6, 1.0))))


def calibration_error(label: Array, score: Array) -> float:
    """Expected calibration error over ten bins of about equal counts: how far scores are from what happened."""
    if len(label) == 0:
        return float("nan")
    edges = np.unique(np.quantile(score, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    gaps = np.bincount(np.searchsorted(edges, score, side="left"), label - score)
    return float(np.abs(gaps).sum() / len(label))


def accuracy(label: Array, score: Array) -> float:
    """The share of rows whose class was named; labels and scores are the classes' numbers."""
    return float(np.mean(label == score)) if len(label) else float("nan")


def macro_f1(label: Array, score: Array) -> float:
    """The mean over the classes of their F1; a class that is neither there nor named does not count."""
    if len(label) == 0:
        return float("nan")
    found = []
    for kind in np.unique(np.r_[label, score]):
        right = float(((label == kind) & (score == kind)).sum())
        found.append(2 * right / float((label == kind).sum() + (score == kind).sum()))
    return float(np.mean(found))


def wape(label: Array, score: Array) -> float:
    """Sum of the absolute errors over the sum of what there was."""
    total = float(np.abs(label).sum())
    return float(np.abs(label - score).sum() / total) if total > 0 else float("nan")


METRICS: dict[str, Callable[[Array, Array], float]] = {
    "average_precision": average_precision,
    "roc_auc": roc_auc,
    "brier": brier,
    "rmse": rmse,
    "mae": mae,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "wape": wape,
}
"""Metrics of rows on their own; :mod:`wellkept.ml.sample` adds those that need to know whose row it is."""


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
