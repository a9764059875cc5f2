"""What expressions evaluate to: arrays over all series and steps at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.errors import EvaluationError

NAME = "__name__"

Labels = tuple[tuple[str, str], ...]
"""(name, value) in the order of the names, none of them empty; the metric's name is the label ``__name__``."""

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """``values[i, j]`` is what series ``i`` is at step ``j``; where ``present`` is false there is nothing.

    NaN is a value like any other, so what is missing needs a mark of its own.
    """

    labels: Sequence[Labels]
    values: Numbers
    present: Flags

    def where(self, keep: Flags) -> Vector:
        """What is kept, as long as it was there."""
        return Vector(self.labels, self.values, self.present & keep)

    def rows(self, chosen: NDArray[np.intp] | Sequence[int]) -> Vector:
        """Some of the series."""
        return Vector([self.labels[i] for i in chosen], self.values[chosen], self.present[chosen])

    def seen(self) -> Vector:
        """Without the series that are at no step."""
        is_seen = self.present.any(axis=1)
        return self if is_seen.all() else self.rows(np.flatnonzero(is_seen))


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One number at every step."""

    values: Numbers


@dataclass(frozen=True, slots=True)
class Text:
    """A text, which is the same at every step."""

    value: str


Value = Vector | Scalar | Text


def empty(steps: int) -> Vector:
    """No series."""
    return Vector([], np.empty((0, steps)), np.empty((0, steps), dtype=bool))


def labels_of(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Labels from pairs in any order; an empty value is no label."""
    return tuple(sorted((name, value) for name, value in pairs if value))


def unnamed(labels: Labels) -> Labels:
    """The labels without the metric's name."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def relabelled(vector: Vector, change: Callable[[Labels], Labels] = unnamed) -> Vector:
    """The vector with other labels; series that become alike are one, if no step has both.

    Raises:
        EvaluationError: a step has both.
    """
    return united([change(labels) for labels in vector.labels], vector.values, vector.present)


def united(labels: Sequence[Labels], values: Numbers, present: Flags) -> Vector:
    """Rows of equal labels as one series.

    Raises:
        EvaluationError: two of them have a value at the same step.
    """
    groups, index = grouped(labels)
    if len(groups) == len(labels):
        return Vector(labels, values, present)
    counts = summed(present.astype(np.int64), index, len(groups))
    if (counts > 1).any():
        twice = groups[int(np.argwhere(counts > 1)[0][0])]
        raise EvaluationError("vector", "cannot contain metrics with the same labelset", dict(twice))
    filled = summed(np.where(present, values, 0.0), index, len(groups))
    return Vector(groups, filled, counts > 0)


def grouped(keys: Sequence[Labels]) -> tuple[list[Labels], NDArray[np.intp]]:
    """The distinct keys in order of appearance, and for each row the index of its key."""
    known: dict[Labels, int] = {}
    index = np.fromiter((known.setdefault(key, len(known)) for key in keys), dtype=np.intp, count=len(keys))
    return list(known), index


def summed(rows: NDArray[np.generic], index: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """The sum of the rows of each group: [rows, steps] becomes [groups, steps]."""
    return reduced(np.add, rows, index, groups)


def reduced(how: np.ufunc, rows: NDArray[np.generic], index: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """The rows of each group, taken together by ``how``. Every group has a row."""
    if not groups:
        return np.empty((0, rows.shape[1]), dtype=rows.dtype)
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(groups))
    return np.asarray(how.reduceat(rows[order], starts, axis=0))
