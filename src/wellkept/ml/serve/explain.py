"""Why a score is what it is: what each input adds to it, beside what is usual.

The contributions of a row sum up, with the baseline, to its score in the space that is named. Three ways, best first:

``tree_shap``  exact for trees (Lundberg and others, 2020), by LightGBM or XGBoost itself, where the artifact keeps the
               model in their format. In their raw score: the logarithm of the odds, for a classifier.
``linear``     exact for linear models: weight times distance from the mean of the training data. That a model is linear
               (behind a logistic function, perhaps) is not believed but tried.
``sampled``    Shapley values estimated from random orders of the inputs (Strumbelj and Kononenko, 2014), each replaced
               by draws from the distribution that it had in training. The same row is always explained alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Named
from wellkept.ml.features import WithFeatures
from wellkept.ml.reference import FILE as REFERENCE
from wellkept.ml.reference import Distribution, parse_reference
from wellkept.ml.runtime import FILES, Matrix, Scores, lightgbm_of
from wellkept.ml.serve.served import Served

MOST_ROWS = 100
"""Rows that one request may have explained."""
BACKGROUND = 64
ORDERS = 32
"""Random orders of the inputs, half of them the other half backwards, which evens errors out."""
PROBES = 24
LINEAR_WITHIN = 1e-4


@dataclass(frozen=True, slots=True)
class Explanation:
    """``contributions``: float64[n, names]. They and ``baseline``: float64[n] sum up to the score in ``space``."""

    method: str
    space: str
    names: tuple[str, ...]
    baseline: Scores
    contributions: Matrix


class Explainer(Protocol):
    """Explains rows: float64[n, inputs]."""

    def explain(self, rows: Matrix) -> Explanation: ...


def explainer_of(served: Served) -> Explainer:
    """The best way there is for a version.

    Raises:
        InputError: there is none: its answer is a class, or it has no reference of its training data.
    """
    for kind, make in (("lightgbm", LightgbmTrees), ("xgboost", XgboostTrees)):
        try:
            data = served.file(FILES[kind])
        except FileNotFoundError:
            continue
        return make(served, data)
    if served.contract.task == "multiclass_classification":
        raise InputError("parameters.explain", f"is not there for {served.name}: its answer is a class")
    try:
        reference = parse_reference(served.file(REFERENCE))
    except FileNotFoundError as error:
        raise InputError(
            "parameters.explain", f"needs what {served.name} was trained on, and it is not kept"
        ) from error
    background = _background([(reference.get(name), served.categories.get(name)) for name in served.names])
    if served.categories:  # the places of categories have no order that a line could follow
        return Sampled(served, background)
    return linear(served, background) or Sampled(served, background)


class Trees:
    """Trees of a library that can tell contributions: float64[n, classes * (columns + 1)], the baseline last."""

    def __init__(self, served: Served, contributions: Callable[[Matrix], Any]) -> None:
        self._contributions = contributions
        self._features = served.scorer.features if isinstance(served.scorer, WithFeatures) else None
        self._names = served.contract.model_columns if self._features is not None else served.names
        is_classifier = served.contract.task.endswith("classification")
        self._space = "log odds" if is_classifier else "raw score"

    def explain(self, rows: Matrix) -> Explanation:
        columns = self._features.matrix(rows) if self._features is not None else rows
        width = len(self._names) + 1
        found = np.asarray(self._contributions(columns), dtype=np.float64).reshape(len(rows), -1, width)
        answered = found.sum(axis=2).argmax(axis=1)  # of several classes, the one that is the answer
        parts = found[np.arange(len(rows)), answered]
        return Explanation("tree_shap", self._space, self._names, parts[:, -1], parts[:, :-1])


class LightgbmTrees(Trees):
    """LightGBM's own TreeSHAP."""

    def __init__(self, served: Served, data: bytes) -> None:
        columns = served.contract.model_columns if isinstance(served.scorer, WithFeatures) else served.names
        predict = lightgbm_of(data.decode("utf-8"), Named(columns, served.categories))
        super().__init__(served, lambda rows: predict(rows, pred_contrib=True))


class XgboostTrees(Trees):
    """XGBoost's own TreeSHAP."""

    def __init__(self, served: Served, data: bytes) -> None:
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(data))
        super().__init__(served, lambda rows: booster.predict(xgboost.DMatrix(rows, nthread=1), pred_contribs=True))


class Linear:
    """A model that is linear, perhaps behind a logistic function."""

    def __init__(self, served: Served, weights: Scores, means: Scores, baseline: float, otherwise: Sampled) -> None:
        self._served, self._weights, self._means = served, weights, means
        self._baseline, self._otherwise = baseline, otherwise
        self.space = "score"

    def explain(self, rows: Matrix) -> Explanation:
        """Where a row's contributions do not come to its score, the model is not linear there: then it is tried."""
        contributions = self._weights * (rows - self._means)
        found, expected = self._baseline + contributions.sum(axis=1), self._served.scorer.score(rows)
        if self.space == "log odds":
            found = 1 / (1 + np.exp(-found))
        if not np.allclose(found, expected, rtol=LINEAR_WITHIN, atol=LINEAR_WITHIN):
            return self._otherwise.explain(rows)
        baseline = np.full(len(rows), self._baseline)
        return Explanation("linear", self.space, self._served.names, baseline, contributions)


def linear(served: Served, background: Matrix) -> Linear | None:
    """The model as a linear one, where it is one on rows like those of its training."""
    means = np.nanmean(np.where(np.isnan(background).all(axis=0), 0.0, background), axis=0)
    spread = np.nanstd(np.where(np.isnan(background).all(axis=0), 1.0, background), axis=0)
    steps = np.diag(np.where(spread > 0, spread, 1.0))
    known = np.where(np.isnan(background), means, background)[:PROBES]
    scores = served.scorer.score(np.vstack([means, means + steps, known]))
    spaces: list[tuple[str, Scores]] = [("score", scores)]
    if served.contract.task == "binary_classification" and ((scores > 0) & (scores < 1)).all():
        spaces.append(("log odds", np.log(scores / (1 - scores))))
    for space, values in spaces:
        weights = (values[1 : len(means) + 1] - values[0]) / np.diag(steps)
        found = values[0] + (known - means) @ weights
        expected = values[len(means) + 1 :]
        if np.allclose(found, expected, rtol=LINEAR_WITHIN, atol=LINEAR_WITHIN * max(1.0, float(np.ptp(expected)))):
            made = Linear(served, weights, means, float(values[0]), Sampled(served, background))
            made.space = space
            return made
    return None


class Sampled:
    """Any model, by trying."""

    def __init__(self, served: Served, background: Matrix) -> None:
        self._served, self._background = served, background

    def explain(self, rows: Matrix) -> Explanation:
        contributions = np.vstack([self._of(row) for row in rows])
        baseline = self._served.scorer.score(rows) - contributions.sum(axis=1)
        return Explanation("sampled", "score", self._served.names, baseline, contributions)

    def _of(self, row: Scores) -> Scores:
        """What each input of one row adds: float64[inputs]."""
        random = np.random.default_rng(7)
        width = len(row)
        halves = [random.permutation(width) for _ in range(ORDERS // 2)]
        orders = [order for half in halves for order in (half, half[::-1])]
        tried = np.empty((len(orders), width + 1, width))
        for index, order in enumerate(orders):
            tried[index] = self._background[index % len(self._background)]
            for place, column in enumerate(order):
                tried[index, place + 1 :, column] = row[column]
        scores = self._served.scorer.score(tried.reshape(-1, width)).reshape(len(orders), width + 1)
        found = np.zeros(width)
        for order, steps in zip(orders, np.diff(scores, axis=1), strict=True):
            found[order] += steps
        return found / len(orders)


def _background(distributions: Sequence[tuple[Distribution | None, Sequence[str] | None]]) -> Matrix:
    """Rows as they were in training, each input by itself: float64[BACKGROUND, inputs]."""
    random = np.random.default_rng(7)
    return np.column_stack(
        [_draws(one, random) if texts is None else _words(one, texts, random) for one, texts in distributions]
    )


def _words(one: Distribution | None, texts: Sequence[str], random: np.random.Generator) -> Scores:
    """Places of categories among ``texts``, as they were in training."""
    if one is None or not one.categories:
        return np.full(BACKGROUND, np.nan)
    place = {text: float(index) for index, text in enumerate(texts)}
    known = np.array([*(place.get(text, np.nan) for text in one.categories), np.nan])
    values = known[random.choice(len(known), BACKGROUND, p=one.bins / one.rows)]
    values[random.random(BACKGROUND) < one.nulls] = np.nan
    return np.asarray(values)


def _draws(one: Distribution | None, random: np.random.Generator) -> Scores:
    if one is None or not one.edges or not one.rows:
        return np.zeros(BACKGROUND) if one is None or one.nulls < 1 else np.full(BACKGROUND, np.nan)
    edges = np.asarray(one.edges)
    low, high = np.concatenate([edges[:1], edges]), np.concatenate([edges, edges[-1:]])
    bins = random.choice(len(one.counts), BACKGROUND, p=np.asarray(one.counts) / one.rows)
    values = random.uniform(low[bins], high[bins])
    values[random.random(BACKGROUND) < one.nulls] = np.nan
    return values
