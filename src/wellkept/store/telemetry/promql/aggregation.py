"""Aggregations over series: sum, avg, quantile, topk and the others, for all groups and steps at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.errors import EvaluationError, unsupported
from wellkept.store.telemetry.promql.figures import positional
from wellkept.store.telemetry.promql.values import (
    NAME,
    Numbers,
    Vector,
    grouped,
    labels_of,
    reduced,
    summed,
    united,
)

_MOST_COUNTED = 10_000


class Grouping:
    """The rows of a vector by the labels that ``by`` keeps, or that ``without`` leaves."""

    def __init__(self, vector: Vector, names: Sequence[str], *, without: bool) -> None:
        chosen = frozenset((*names, NAME) if without else names)
        keys = [tuple(pair for pair in labels if (pair[0] in chosen) != without) for labels in vector.labels]
        self.vector = vector
        self.keys, self.index = grouped(keys)
        self.there = summed(vector.present.astype(np.int64), self.index, len(self.keys))
        """How many series each group has at each step."""

    def total(self, values: Numbers) -> Numbers:
        """The sum of what is there."""
        return summed(np.where(self.vector.present, values, 0.0), self.index, len(self.keys))

    def extreme(self, how: np.ufunc) -> Numbers:
        """``np.fmin`` or ``np.fmax``: NaN counts only where there is nothing else."""
        filled = np.where(self.vector.present, self.vector.values, np.nan)
        return reduced(how, filled, self.index, len(self.keys))

    def mean(self) -> Numbers:
        return self.total(self.vector.values) / self.there

    def variance(self) -> Numbers:
        return self.total((self.vector.values - self.mean()[self.index]) ** 2) / self.there

    def ranks(self, *, falling: bool, nan_first: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(the rows of each step in the order of group and value, the place of each row in its group).

        What is not there comes last in its group.
        """
        values = -self.vector.values if falling else self.vector.values
        is_nan = np.isnan(values)
        order = _then(np.argsort(values, axis=0, kind="stable"), ~is_nan if nan_first else is_nan)
        order = _then(order, ~self.vector.present)
        order = _then(order, np.broadcast_to(self.index[:, None], order.shape))
        rows = np.broadcast_to(np.arange(len(order))[:, None], order.shape)
        place = np.empty_like(order)
        np.put_along_axis(place, order, rows, axis=0)
        return order, place - self.starts[self.index][:, None]

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where each group begins in rows that are in the order of the groups."""
        return np.searchsorted(np.sort(self.index), np.arange(len(self.keys)))

    def result(self, values: Numbers) -> Vector:
        return Vector(self.keys, values, self.there > 0)


def _then(order: NDArray[np.intp], key: NDArray[np.generic]) -> NDArray[np.intp]:
    """An order of rows refined: by this key, and where it is equal as before."""
    again = np.argsort(np.take_along_axis(key, order, axis=0), axis=0, kind="stable")
    return np.take_along_axis(order, again, axis=0)


def quantile(group: Grouping, wanted: Numbers) -> Vector:
    """By a straight line between the two values on either side, as Prometheus does it."""
    order, _ = group.ranks(falling=False, nan_first=True)
    values = np.take_along_axis(group.vector.values, order, axis=0)
    starts = group.starts[:, None]
    rank = np.clip(wanted, 0.0, 1.0) * np.maximum(group.there - 1, 0)
    rank = np.where(np.isnan(rank), 0.0, rank)
    low = np.floor(rank).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(group.there - 1, 0).astype(np.intp))
    weight = rank - low
    under, over = (np.take_along_axis(values, starts + place, axis=0) for place in (low, high))
    # A weight of nothing must not make infinity into NaN.
    found = np.where(weight == 0, under, under * (1 - weight) + over * weight)
    found = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, found))
    return group.result(np.where(np.isnan(wanted), np.nan, found))


def extremes(group: Grouping, count: Numbers, *, largest: bool) -> Vector:
    """The ``count`` largest or smallest series of each group at each step; they stay what they are.

    Of a single step they come in their order.
    """
    order, place = group.ranks(falling=largest, nan_first=False)
    chosen = group.vector.where(place < np.where(np.isnan(count), 0.0, np.floor(count)))
    return chosen.rows(order[:, 0]) if order.shape[1] == 1 else chosen


def count_values(vector: Vector, label: str, names: Sequence[str], *, without: bool) -> Vector:
    """How many series have each value, which becomes a label.

    Raises:
        EvaluationError: there are too many different values.
    """
    group = Grouping(vector, names, without=without)
    row, step = np.nonzero(vector.present)
    distinct, which = np.unique(vector.values[row, step], return_inverse=True)
    pairs, pair = np.unique(group.index[row] * len(distinct) + which, return_inverse=True)
    if len(pairs) > _MOST_COUNTED:
        raise EvaluationError("count_values()", f"must meet at most {_MOST_COUNTED} values", len(pairs))
    steps = vector.values.shape[1]
    counts = np.bincount(pair * steps + step, minlength=len(pairs) * steps).reshape(len(pairs), steps)
    keys = []
    for number in pairs.tolist():
        key, value = divmod(number, len(distinct))
        own = [named for named in group.keys[key] if named[0] != label]
        keys.append(labels_of([*own, (label, positional(float(distinct[value])))]))
    return united(keys, counts.astype(np.float64), counts > 0)


_PLAIN: dict[str, Callable[[Grouping], Numbers]] = {
    "sum": lambda group: group.total(group.vector.values),
    "avg": lambda group: group.mean(),
    "min": lambda group: group.extreme(np.fmin),
    "max": lambda group: group.extreme(np.fmax),
    "count": lambda group: group.there.astype(np.float64),
    "group": lambda group: np.ones_like(group.there, dtype=np.float64),
    "stdvar": lambda group: group.variance(),
    "stddev": lambda group: np.sqrt(group.variance()),
}


def aggregated(name: str, group: Grouping, number: Numbers | None) -> Vector:
    """An aggregation by its name; ``number`` is the parameter of those that have one, at each step.

    Raises:
        EvaluationError: one that is not supported.
    """
    if name in _PLAIN:
        return group.result(_PLAIN[name](group))
    if number is None or name not in ("quantile", "topk", "bottomk"):
        raise unsupported(f"aggregation {name}()")
    if name == "quantile":
        return quantile(group, number)
    return extremes(group, number, largest=name == "topk")
