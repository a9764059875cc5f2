"""What a trained model says about the held-out rows, beside all that its judges compare it with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import numbers_of
from wellkept.ml.interval import LOWER, UPPER, Interval, crossed
from wellkept.ml.metrics import roc_auc
from wellkept.ml.outcome import CHAMPION_LOWER, CHAMPION_UPPER, MISSING, SLICE
from wellkept.ml.runtime import Matrix, Scorer, Scores
from wellkept.ml.sample import Sample
from wellkept.ml.train.baseline import constant, seasonal
from wellkept.ml.train.judging.asked import asked
from wellkept.ml.train.judging.backtest import Rival, backtest
from wellkept.ml.train.judging.behaviour import changes
from wellkept.ml.train.judging.shared import shared
from wellkept.ml.train.judging.shifts import shifts
from wellkept.ml.train.ranking import choices, places, popularity
from wellkept.ml.train.split import seconds_of

MOST_INPUTS = 40
"""So many nullable inputs are tried without, at most."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """The tables of both sides, and the held-out rows as inputs, as model columns and as the champion's inputs."""

    trained: pa.Table
    held_out: pa.Table
    inputs: Matrix
    columns: Matrix
    champion_inputs: Matrix
    champion_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was trained: the estimator, its scores of inputs (features first), and a training of it on other rows.

    ``refit`` never searches again for parameters, and returns a function like ``score``. ``metrics`` is the project's
    own function, None without one.
    """

    estimator: Any
    score: Callable[[Matrix], Scores]
    refit: Callable[[pa.Table], Callable[[Matrix], Scores]]
    metrics: Callable[..., Any] | None = None


def judged(
    rows: Rows, challenger: Scorer, champion: Scorer | None, request: Mapping[str, Any], fitted: Fitted
) -> tuple[pa.Table, dict[str, Any]]:
    """The table of scores (see :class:`wellkept.ml.outcome.Outcome`) and what goes beside it."""
    rival = Rival.of(champion, request["champion"])
    told = {
        "asked": asked(rows.inputs, fitted.score, request),
        "shared": shared(rows.trained, rows.held_out, request["label"], request),
        "backtest": backtest(rows.trained, request["label"], request, fitted.refit, rival),
        "champion_until": rival.until if rival else None,
    }
    if request["task"] == "ranking":
        table, found_beside = _ranked(rows, challenger, champion, request)
        return table, {**found_beside, **told}
    told["changes"] = changes(rows.inputs, challenger.score, request)
    label, past = (_label(table, request["label"]) for table in (rows.held_out, rows.trained))
    found: dict[str, Any] = {"label": label, "challenger": challenger.score(rows.inputs)}
    if champion is not None:
        found["champion"] = champion.score(rows.champion_inputs)
    if request["task"] == "forecasting":
        yard = seasonal(rows.trained, rows.held_out, request["item"], request["label"], request["season"])
        found |= {"baseline": yard.naive, "group": yard.item}
        found |= {"scale": yard.scale, "scale_squared": yard.scale_squared}
    else:
        found["baseline"] = constant(past, request["task"], len(label))
    if "time" in rows.held_out.column_names:
        found["at"] = seconds_of(rows.held_out)
    found |= _bounds(rows.champion_interval, found, request.get("interval"))
    for name in request["slices"]:
        found[f"{SLICE}{name}"] = _texts(rows.held_out[name])
    for name in request["nullable"][:MOST_INPUTS]:
        without = rows.inputs.copy()
        without[:, request["features"].index(name)] = np.nan
        found[f"{MISSING}{name}"] = challenger.score(without)
    sample = Sample(label, found["challenger"], found.get("group"), found.get("scale"), found.get("scale_squared"))
    told["shifts"] = shifts(rows.inputs, sample, challenger.score, request)
    names = request["columns"] or request["features"]
    alone = {
        name: _alone(_in_order(rows, i, name, request), label, request["task"], found) for i, name in enumerate(names)
    }
    own = _own(fitted.metrics, rows.held_out, label, found["challenger"])
    return pa.table(found), {"alone": alone, "own": own, **told}


def _bounds(theirs: Interval | None, found: Mapping[str, Any], share: float | None) -> dict[str, Floats]:
    """The ends of the intervals of both models; of the champion those that it serves, where they are of that share."""
    if share is None:
        return {}
    bounds = crossed(share, found["label"], found["challenger"], found.get("at"))
    ends = {LOWER: bounds.lower, UPPER: bounds.upper}
    if theirs is not None and theirs.share == share:
        rival = theirs.bounds(found["champion"])
        ends |= {CHAMPION_LOWER: rival.lower, CHAMPION_UPPER: rival.upper}
    return ends


def _ranked(
    rows: Rows, challenger: Scorer, champion: Scorer | None, request: Mapping[str, Any]
) -> tuple[pa.Table, dict[str, Any]]:
    what = choices(rows.trained, rows.held_out, request)
    found = {"label": np.ones(len(what.user)), "challenger": places(challenger.score, what), "group": what.user}
    found["offered"] = what.offered
    if champion is not None:
        found["champion"] = places(champion.score, what)
    found["baseline"] = popularity(what)
    for name in request["slices"]:
        found[f"{SLICE}{name}"] = _of_users(rows, name, request["user"], what.user)
    return pa.table(found), {"alone": {}, "own": {}}


def _of_users(rows: Rows, name: str, user: str, users: NDArray[np.int64]) -> pa.Array:
    """What a column says of each choice's user: the last that training saw of them."""
    said = dict(zip(rows.held_out[user].to_pylist(), _texts(rows.held_out[name]).to_pylist(), strict=True))
    said |= dict(zip(rows.trained[user].to_pylist(), _texts(rows.trained[name]).to_pylist(), strict=True))
    return pa.array([said[one] for one in users.tolist()], pa.string())


def _texts(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([str(value) for value in column.to_pylist()], pa.string())


def _label(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(zero_copy_only=False).astype(np.float64))


def _in_order(rows: Rows, place: int, name: str, request: Mapping[str, Any]) -> Floats:
    """A column of the held-out rows; of categories, which have no order, each row's mean label in training."""
    column, texts = rows.columns[:, place], request.get("categories", {}).get(name)
    if texts is None or request["task"] == "multiclass_classification":
        return column
    codes, label = numbers_of(rows.trained[name]), _label(rows.trained, request["label"])
    seen = np.isfinite(codes)
    counts = np.bincount(codes[seen].astype(np.int64), minlength=len(texts))
    sums = np.bincount(codes[seen].astype(np.int64), label[seen], minlength=len(texts))
    means = np.append(np.where(counts > 0, sums / np.maximum(counts, 1), label.mean()), np.nan)
    return np.asarray(means[np.where(np.isnan(column), len(texts), column).astype(np.int64)])


def _alone(column: Floats, label: Floats, task: str, found: Mapping[str, Any]) -> float:
    """How much one column tells alone, from 0 to 1: its ROC area, or its squared correlation with the label.

    In a forecast, within the items: that large items stay large is no secret. In a classification of many classes, the
    share of rows whose class is that of most rows with the same value, over ten ranges of it.
    """
    known = np.isfinite(column)
    column, label = column[known], label[known]
    if len(label) < 2:
        return 0.0
    if task == "binary_classification":
        area = roc_auc(label, column)
        return max(area, 1 - area) if np.isfinite(area) else 0.0
    if task == "multiclass_classification":
        ranges = np.searchsorted(np.unique(np.quantile(column, np.linspace(0, 1, 11)[1:-1])), column, side="left")
        kinds = np.unique(label, return_inverse=True)[1]
        return float(
            np.array([np.bincount(kinds[ranges == one]).max() for one in np.unique(ranges)]).sum() / len(kinds)
        )
    if task == "forecasting":
        item = found["group"][known]
        column, label = _within(column, item), _within(label, item)
    spread = float(column.std() * label.std())
    return float(np.mean((column - column.mean()) * (label - label.mean())) / spread) ** 2 if spread > 0 else 0.0


def _within(values: Floats, item: NDArray[np.int64]) -> Floats:
    """Values less the mean of their item."""
    code = np.unique(item, return_inverse=True)[1]
    return np.asarray(values - (np.bincount(code, values) / np.bincount(code))[code])


def _own(function: Callable[..., Any] | None, held_out: pa.Table, label: Floats, score: Floats) -> dict[str, float]:
    """What the project's own ``metrics(frame)`` says of the held-out rows, with their label and score."""
    if function is None:
        return {}
    frame = held_out
    for name, values in (("label", label), ("score", score)):
        if name in frame.column_names:
            frame = frame.drop_columns([name])
        frame = frame.append_column(name, pa.array(values))
    found = function(frame)
    if not isinstance(found, Mapping):
        raise InputError("metrics(frame)", "must return names and numbers", type(found).__name__)
    told = {}
    for name, value in found.items():
        try:
            told[str(name)] = float(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"metrics(frame): {name}", "must be a number", value) from error
    return told
