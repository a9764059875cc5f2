"""The inner split of a search: the rows that are trained on, split by time again; the held-out rows have no part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.sample import Sample, value_of
from wellkept.ml.train.baseline import seasonal
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.ml.train.ranking import choices, places
from wellkept.ml.train.split import moments_of, seconds_of, split

Pair = tuple[pa.Table, pa.Table]


def pairs(table: pa.Table, request: Mapping[str, Any], holdout: float, folds: int) -> list[Pair]:
    """Rows to train on and to judge by, for each fold; the newest block of rows is the first.

    Args:
        table: the rows that are trained on, in the order of time.
        request: what the worker is told of the contract.
        holdout: the share of the rows that all blocks together take; of a forecast each block is one horizon, of a
            ranking it is the share of each user's choices.
        folds: how many blocks.

    Raises:
        InputError: there are too few rows for so many folds.
    """
    try:
        return list(_pairs(table, request, holdout, folds))
    except InputError as error:
        rule = f"the rows that are trained on ({table.num_rows}) must be enough for {folds} inner folds; one of them"
        raise InputError("train.search", f"{rule} says: {error}") from error


def _pairs(table: pa.Table, request: Mapping[str, Any], holdout: float, folds: int) -> Iterator[Pair]:
    asked = {**request, "since": request["since"] if folds == 1 else None}
    if request["task"] == "forecasting":
        moments, horizon = moments_of(table), int(request["horizon"])
        for nth in range(folds):
            end = len(moments) - nth * horizon
            if end <= horizon:
                raise InputError("a forecast's fold", f"must have more than {horizon} moments left", max(end, 0))
            yield split(table.filter(pa.array(seconds_of(table) <= moments[end - 1])), asked)
        return
    if request["task"] == "ranking":
        yield split(table, {**asked, "ranking_held_out": holdout})
        return
    block = max(1, round(table.num_rows * holdout / folds))
    for nth in range(folds):
        left = table.slice(0, table.num_rows - nth * block)
        if left.num_rows <= block:
            raise InputError("a fold", f"must have rows beside the {block} that it is judged by", left.num_rows)
        yield split(left, {**asked, "held_out": block / left.num_rows})


def value(pair: Pair, score: Callable[[Matrix], Scores], metric: str, request: Mapping[str, Any]) -> float:
    """A metric of a model on the newer rows of a pair; NaN where it has no meaning on them."""
    trained, judged_by = pair
    if request["task"] == "ranking":
        what = choices(trained, judged_by, request)
        return value_of(metric, Sample(np.ones(len(what.user)), places(score, what), what.user))
    label = judged_by[request["label"]].to_numpy(zero_copy_only=False).astype(np.float64)
    scores = score(matrix_of_inputs(judged_by, list(request["features"])))
    if request["task"] != "forecasting":
        return value_of(metric, Sample(label, scores))
    yard = seasonal(trained, judged_by, request["item"], request["label"], request["season"])
    return value_of(metric, Sample(label, scores, yard.item, yard.scale, yard.scale_squared))
