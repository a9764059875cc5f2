"""Intervals beside answers: how they are learned from held-out rows, and by what they are measured.

A version learns its interval by split conformal prediction: quantiles of what its answers missed the truth by, on rows
that it was not trained on. They are taken apart in ranges of the answer, since large answers miss by more (V. Vovk,
"Conditional validity of inductive conformal predictors", 2012). Whatever the model is, and however its errors are
spread, at least the wanted share of truths lies inside, as long as new rows are like the held-out ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.conventions import ENDS
from wellkept.kernel.errors import InputError
from wellkept.ml.metrics import Array

LOWER, UPPER = ENDS
"""How the ends of an interval are called in answers and in the log."""
INTERVAL = "interval"
"""The place in a version's manifest of what it has learned."""
MOST_RANGES, LEAST_ROWS = 10, 100
"""Ranges of the answer in which errors are told apart, and rows that each of them has at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Where the truth was said to be, at which share: float64[n] each, NaN where nothing was said."""

    share: float
    lower: Array
    upper: Array

    def where(self, rows: NDArray[Any] | slice) -> Bounds:
        """Those of some rows."""
        return Bounds(self.share, self.lower[rows], self.upper[rows])

    def within(self, label: Array) -> Array:
        """Of each row 1 where the truth lies inside, ends included, 0 where it does not."""
        inside = (self.lower <= label) & (label <= self.upper)
        return np.where(np.isfinite(self.lower + self.upper), inside.astype(np.float64), np.nan)

    def pinball(self, label: Array) -> Array:
        """The quantile loss of each row, the mean of its two ends: it wants them narrow, and the truth inside."""
        tail = (1 - self.share) / 2
        below, above = label - self.lower, label - self.upper
        losses = np.maximum(tail * below, (tail - 1) * below) + np.maximum((1 - tail) * above, -tail * above)
        return np.asarray(losses / 2, dtype=np.float64)

    def width(self, _: Array) -> Array:
        """How far the ends of each row are apart."""
        return np.asarray(self.upper - self.lower, dtype=np.float64)


MEASURES: Mapping[str, Callable[[Bounds, Array], Array]] = {
    "coverage": Bounds.within,
    "pinball": Bounds.pinball,
    "width": Bounds.width,
}
"""The metrics of intervals; each is the mean over rows of such values."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What a version adds to an answer for the ends of its interval.

    ``edges`` part the ranges of the answer; ``below`` and ``above`` are what is added in each. ``rows`` is on how many
    rows that was learned.
    """

    share: float
    edges: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    rows: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The interval of its JSON values."""
        edges, below, above = (tuple(values[name]) for name in ("edges", "below", "above"))
        return cls(values["share"], edges, below, above, values["rows"])

    def values(self) -> dict[str, Any]:
        """Its JSON values."""
        return asdict(self)

    def bounds(self, scores: Array) -> Bounds:
        """The ends about some answers."""
        place = np.searchsorted(self.edges, scores, side="left")
        return Bounds(self.share, scores + np.asarray(self.below)[place], scores + np.asarray(self.above)[place])


def binomial(inside: int, count: int) -> tuple[float, float]:
    """The 90 % interval of a share (E. B. Wilson, "Probable inference", 1927); NaN of none."""
    if count == 0:
        return math.nan, math.nan
    share, z = inside / count, 1.6449
    middle, spread = share + z * z / (2 * count), z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def interval_of(manifest: Mapping[str, Any]) -> Interval | None:
    """The interval of a version; None where it answers without."""
    return Interval.of(manifest[INTERVAL]) if manifest.get(INTERVAL) else None


def learned(share: float, label: Array, score: Array) -> Interval:
    """The interval that held a share of the truths on these rows, with its allowance for how few they are.

    Raises:
        InputError: there are too few of them for that share.
    """
    count, tail = len(label), (1 - share) / 2
    fewest = math.ceil(round(1 / tail, 6))
    if count < fewest:
        rule = f"of {share:g} needs {2 * fewest} held-out rows at least, half of which the other half is judged by"
        raise InputError("output.interval", rule, f"{count} in a half")
    ranges = int(np.clip(count // max(LEAST_ROWS, fewest), 1, MOST_RANGES))
    edges, place = _parted(score, ranges)
    while np.bincount(place, minlength=len(edges) + 1).min() < fewest:  # many answers are the same
        ranges -= 1
        edges, place = _parted(score, ranges)
    below, above = [], []
    for one in range(len(edges) + 1):
        missed = np.sort((label - score)[place == one])
        outside = int((len(missed) + 1) * tail)
        below.append(float(missed[outside - 1]))
        above.append(float(missed[len(missed) - outside]))
    return Interval(share, tuple(edges.tolist()), tuple(below), tuple(above), count)


def crossed(share: float, label: Array, score: Array, at: Array | None) -> Bounds:
    """Bounds of rows by an interval that did not see them: the older half is judged by the newer one's, and the newer
    half by the older one's. So what is told of the coverage is honest, on every row.

    Raises:
        InputError: there are too few rows for that share.
    """
    order = np.arange(len(label)) if at is None else np.argsort(at, kind="stable")
    lower, upper = np.empty(len(label)), np.empty(len(label))
    halves = np.array_split(order, 2)
    for mine, other in (halves, halves[::-1]):
        found = learned(share, label[other], score[other]).bounds(score[mine])
        lower[mine], upper[mine] = found.lower, found.upper
    return Bounds(share, lower, upper)


def _parted(score: Array, ranges: int) -> tuple[Array, NDArray[np.int64]]:
    """The edges between so many ranges of about equal counts, and the range of each row."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, ranges + 1)[1:-1])) if ranges > 1 else np.empty(0)
    return edges, np.searchsorted(edges, score, side="left")
