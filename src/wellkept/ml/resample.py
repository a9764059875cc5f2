"""The bootstrap, all rounds at once: a round is a weight for each row, and a metric is computed of weighted rows.

Rows are sorted once, not once a round. Rows of one group (an item, a user) have one weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.metrics import CALIBRATION_BINS, Array

ROUNDS = 200
MOST_ROWS = 20_000
"""Of more rows (or groups) each round draws so many; the spread of the draws is then scaled to the whole."""
AT_ONCE = 1_000_000
"""Weights that are in memory at once."""

Weights = NDArray[np.float64]
"""float64[rounds, rows]"""
Weighted = Callable[[Weights], Array]
"""A metric of weighted rows: float64[rounds, rows] to float64[rounds]; NaN where it has no meaning."""


def draws(metrics: Sequence[Weighted], count: int, group: NDArray[np.int64] | None, seed: int) -> list[Array]:
    """The metrics over :data:`ROUNDS` resamplings of ``count`` rows, all on the same ones: float64[rounds] each."""
    found: list[list[Array]] = [[] for _ in metrics]
    for weights in _weights(count, group, seed):
        for place, metric in enumerate(metrics):
            found[place].append(metric(weights))
    return [np.concatenate(parts) for parts in found]


def narrower(count: int, group: NDArray[np.int64] | None) -> float:
    """By which factor the spread of the draws is to be narrowed, as fewer rows were drawn than there are."""
    units = count if group is None else len(np.unique(group))
    return float(np.sqrt(min(units, MOST_ROWS) / units)) if units else 1.0


def _weights(count: int, group: NDArray[np.int64] | None, seed: int) -> Iterator[Weights]:
    random = np.random.default_rng(seed)
    code = None if group is None else np.unique(group, return_inverse=True)[1].reshape(-1)
    units = count if code is None else int(code.max(initial=-1)) + 1
    size, most = min(units, MOST_ROWS), max(1, AT_ONCE // max(count, 1))
    for start in range(0, ROUNDS, most):
        rounds = min(most, ROUNDS - start)
        drawn = random.integers(0, units, (rounds, size)) + units * np.arange(rounds)[:, None]
        weights = np.bincount(drawn.reshape(-1), minlength=rounds * units).reshape(rounds, units).astype(np.float64)
        yield weights if code is None else weights[:, code]


def weighted(name: str, label: Array, score: Array, rows: NDArray[np.int64] | None = None) -> Weighted:
    """A metric of :data:`wellkept.ml.metrics.METRICS` for weighted rows; of some rows alone where they are named."""
    if rows is not None:
        of_some = weighted(name, label[rows], score[rows])
        return lambda weights: of_some(weights[:, rows])
    if not np.isfinite(score).all():
        return lambda weights: np.full(len(weights), np.nan)
    makers: dict[str, Callable[[Array, Array], Weighted]] = {
        "average_precision": _average_precision,
        "roc_auc": _roc_auc,
        "brier": lambda label, score: _mean((label - score) ** 2),
        "rmse": lambda label, score: _root(_mean((label - score) ** 2)),
        "mae": lambda label, score: _mean(np.abs(label - score)),
        "log_loss": lambda label, score: _mean(-np.log(np.clip(np.where(label > 0, score, 1 - score), 1e-6, 1.0))),
        "accuracy": lambda label, score: _mean((label == score).astype(np.float64)),
        "wape": lambda label, score: ratio(np.abs(label - score), np.abs(label)),
        "calibration_error": _calibration_error,
        "macro_f1": _macro_f1,
    }
    return makers[name](label, score)


def mean_of(values: Array, rows: NDArray[np.int64]) -> Weighted:
    """The mean of some rows."""
    some = values[rows]

    def metric(weights: Weights) -> Array:
        theirs = weights[:, rows]
        return _over(theirs @ some, theirs.sum(axis=1))

    return metric


def ratio(above: Array, below: Array) -> Weighted:
    """The sum of one over the sum of another: a mean, or a share of some rows."""
    return lambda weights: _over(weights @ above, weights @ below)


def _mean(values: Array) -> Weighted:
    return lambda weights: _over(weights @ values, weights.sum(axis=1))


def _root(metric: Weighted) -> Weighted:
    return lambda weights: np.sqrt(metric(weights))


def _over(above: Array, below: Array) -> Array:
    return np.asarray(np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan))


def _average_precision(label: Array, score: Array) -> Weighted:
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True]) if len(order) else np.empty(0, np.int64)
    ranked = label[order]

    def metric(weights: Weights) -> Array:
        sorted_weights = weights[:, order]
        hits = np.cumsum(sorted_weights * ranked, axis=1)[:, last_of_tie]
        above = np.cumsum(sorted_weights, axis=1)[:, last_of_tie]
        total = hits[:, -1] if hits.shape[1] else np.zeros(len(weights))
        steps = np.diff(hits, axis=1, prepend=0.0)
        precision = hits / np.where(above > 0, above, 1.0)
        return _over((steps * precision).sum(axis=1), total)

    return metric


def _roc_auc(label: Array, score: Array) -> Weighted:
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0]) if len(order) else np.empty(0, np.int64)
    ranked = label[order]

    def metric(weights: Weights) -> Array:
        if not len(starts):
            return np.full(len(weights), np.nan)
        sorted_weights = weights[:, order]
        positive = np.add.reduceat(sorted_weights * ranked, starts, axis=1)
        negative = np.add.reduceat(sorted_weights * (1.0 - ranked), starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative / 2
        return _over((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))

    return metric


def _calibration_error(label: Array, score: Array) -> Weighted:
    """Over the bins of the whole sample."""
    if not len(score):
        return lambda weights: np.full(len(weights), np.nan)
    edges = np.unique(np.quantile(score, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    place = np.searchsorted(edges, score, side="left")
    gaps = np.where(place[:, None] == np.arange(len(edges) + 1)[None, :], (label - score)[:, None], 0.0)
    return lambda weights: _over(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def _macro_f1(label: Array, score: Array) -> Weighted:
    kinds = np.unique(np.r_[label, score])
    right = ((label[:, None] == kinds) & (score[:, None] == kinds)).astype(np.float64)
    both = (label[:, None] == kinds).astype(np.float64) + (score[:, None] == kinds)

    def metric(weights: Weights) -> Array:
        named = weights @ both
        found = np.where(named > 0, 2 * (weights @ right) / np.where(named > 0, named, 1.0), 0.0)
        return _over(found.sum(axis=1), (named > 0).sum(axis=1).astype(np.float64))

    return metric
