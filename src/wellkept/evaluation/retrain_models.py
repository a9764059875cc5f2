"""Small models for a replay of retraining, each trained once for all policies that ask for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation.retrain_streams import LiveStream
from wellkept.ml.metrics import METRICS
from wellkept.ml.tasks import LOWER_IS_BETTER
from wellkept.ml.windows import Window

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]
FEW = 1000
"""Of two classes: below so many rows the model is a logistic regression."""
PARTS = 8
"""A block is cut in so many parts, whose scatter gives the error of what is measured on it."""
BOOSTED = {"num_leaves": 15, "min_data_in_leaf": 20, "learning_rate": 0.1, "verbose": -1, "num_threads": 1,
           "deterministic": True, "force_row_wise": True, "seed": 1}  # fmt: skip


class Bank:
    """Trains models of one stream; the same rows again give the model that is there."""

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream
        self._models: dict[tuple[int, str], Score] = {}

    def model(self, until: float, window: Window) -> Score:
        """The model of the rows of a window that ends then (seconds)."""
        stream = self._stream
        rows, weights = window.rows(stream.time, until)
        key = (rows.stop, f"{rows.start} {window.half_life_s}")
        if key not in self._models:
            fitted = _forecaster if stream.task == "forecasting" else _classifier
            self._models[key] = fitted(stream.x[rows], stream.label[rows], weights)
        return self._models[key]


def _forecaster(x: Floats, label: Floats, weights: Floats | None) -> Score:
    import lightgbm

    data = lightgbm.Dataset(x, label, weight=weights)
    model = lightgbm.train({**BOOSTED, "objective": "regression_l1"}, data, num_boost_round=100)
    return lambda rows: np.asarray(model.predict(rows, num_threads=1), dtype=np.float64)


def _classifier(x: Floats, label: Floats, weights: Floats | None) -> Score:
    if label.min() == label.max():
        return lambda rows: np.full(len(rows), label[0], dtype=np.float64)
    if len(label) < FEW:
        return _logistic(x, label, weights)
    import lightgbm

    data = lightgbm.Dataset(x, label, weight=weights)
    model = lightgbm.train({**BOOSTED, "objective": "binary"}, data, num_boost_round=60)
    return lambda rows: np.asarray(model.predict(rows, num_threads=1), dtype=np.float64)


def _logistic(x: Floats, label: Floats, weights: Floats | None) -> Score:
    """A logistic regression on standardised columns; an unknown value counts as the mean, an unknown column as 0."""
    from sklearn.linear_model import LogisticRegression

    known = np.where(np.isnan(x).all(axis=0), 0.0, x)
    middle, spread = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    spread[~(spread > 0)] = 1.0

    def made(rows: Floats) -> Floats:
        return np.asarray(np.nan_to_num((rows - middle) / spread), dtype=np.float64)

    model = LogisticRegression(max_iter=300).fit(made(x), label, sample_weight=weights)
    return lambda rows: np.asarray(model.predict_proba(made(rows))[:, 1], dtype=np.float64)


def value(metric: str, label: Floats, score: Floats) -> float:
    """The metric, in its own direction; of two classes the accuracy is that at 0.5."""
    return METRICS[metric](label, (score > 0.5).astype(np.float64) if metric == "accuracy" else score)


def better_by(metric: str, label: Floats, ours: Floats, theirs: Floats) -> tuple[float, float]:
    """By how much our scores are better (positive is better), and the standard error.

    The error is that of parts of the rows, in their order.
    """
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    whole = sign * (value(metric, label, ours) - value(metric, label, theirs))
    parts = [
        sign * (value(metric, label[rows], ours[rows]) - value(metric, label[rows], theirs[rows]))
        for rows in np.array_split(np.arange(len(label)), PARTS)
    ]
    return whole, _error(parts)


def measured(metric: str, label: Floats, score: Floats) -> tuple[float, float]:
    """The metric and the standard error.

    The error is that of parts of the rows, in their order.
    """
    parts = [value(metric, label[rows], score[rows]) for rows in np.array_split(np.arange(len(label)), PARTS)]
    return value(metric, label, score), _error(parts)


def _error(parts: list[float]) -> float:
    known = np.array([one for one in parts if np.isfinite(one)])
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("inf")
