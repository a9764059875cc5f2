"""Predictions by when they were made, with their labels by how old the prediction was when its label came.

A few counts say all that realised performance, estimates and the arrival of labels need, however many rows there are,
and also what was known at any moment before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.estimate import Labelled

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

LOSSES = 4
"""Sums of the absolute error, its square, its fourth power, and of the absolute label."""
MOST_CLASSES = 50
AGES = 44
"""Age bins up to the double of the delay that the contract tells."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """How predictions are counted: in C cohorts, A bins of age and B bins of what was predicted.

    ``starts`` (float64[C]) are seconds since the epoch, and each cohort is ``step_s`` long. ``ages`` (float64[A],
    seconds) are the ends of the age bins; the last is endless. ``edges`` (float64[B - 1]) are between predictions; of
    many classes there is a bin a class, and no edge. ``now``: what comes later is not known yet.
    """

    starts: Array
    step_s: float
    ages: Array
    edges: Array
    task: str
    now: float
    named: int = MOST_CLASSES
    """Of many classes: how many there are."""

    @property
    def bins(self) -> int:
        return self.named if self.is_of_classes else len(self.edges) + 1

    @property
    def classes(self) -> int:
        """How many classes labels have: one where they are numbers."""
        return self.named if self.is_of_classes else 1 if self.is_of_numbers else 2

    @property
    def is_of_classes(self) -> bool:
        return self.task == "multiclass_classification"

    @property
    def is_of_numbers(self) -> bool:
        return self.task in ("regression", "forecasting")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Of C cohorts, B bins of rising prediction, L classes of labels and A bins of age.

    ``made`` float64[C, B]: predictions. ``sums`` float64[C, B]: the sum of what was predicted. ``arrived``
    float64[C, B, L, A]: labels. ``losses`` float64[C, B, A, 4]: of numbers, the sums that ``LOSSES`` names (of classes
    A is 1, and all are zero).
    """

    made: Array
    sums: Array
    arrived: Array
    losses: Array


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts:
    """The cohorts of one model. ``own`` are one version's answers (also those that were only tried), ``live`` all that
    callers got.

    ``starts`` float64[C] in seconds since the epoch, each ``step_s`` long. ``ages`` float64[A]: the ends of the age
    bins in seconds; the last is endless. ``now``: when this was known.
    """

    starts: Array
    step_s: float
    ages: Array
    own: Cells
    live: Cells
    now: float

    @property
    def ends(self) -> Array:
        return self.starts + self.step_s

    def seen(self, at: float) -> NDArray[np.bool_]:
        """Which labels were known at a moment: bool[C, A]; of a past moment, those that surely were."""
        if at >= self.now:
            return np.ones((len(self.starts), len(self.ages)), dtype=bool)
        return np.asarray(self.ends[:, None] + self.ages[None, :] <= at, dtype=np.bool_)

    def whole_ages(self) -> Rows:
        """How many age bins of each cohort are wholly over now: int64[C]."""
        return np.asarray(np.searchsorted(self.ages, self.now - self.ends, side="right"), dtype=np.int64)


def ages_for(delay_s: float, step_s: float) -> Array:
    """The ends of the age bins for labels that are said to come after a delay."""
    width = max(step_s, 2.0 * delay_s / AGES)
    count = int(np.ceil(2.0 * delay_s / width)) + 4
    return np.asarray(np.r_[width * np.arange(1, count), np.inf], dtype=np.float64)


def score_edges(scores: Array, positive: Array | None = None) -> Array:
    """Edges between score bins: a hundred quantiles, and sixty of the positives' scores, where ranking is decided."""
    known = scores[np.isfinite(scores)]
    if not len(known):
        return np.empty(0)
    parts = [np.quantile(known, np.linspace(0, 1, 101)[1:-1])]
    if positive is not None and len(positive):
        parts.append(np.quantile(positive, np.linspace(0, 1, 61)[1:-1]))
    return np.asarray(np.unique(np.concatenate(parts)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """One group of rows, as the store counts them; int64[n] and float64[n], n groups.

    ``kind``: 0 another version's answer, 1 the version's own, 2 the version's that was only tried. ``age`` is -1 where
    there is no label. ``sums`` and ``losses`` (float64[n, 4]) are those of :class:`Cells`.
    """

    cohort: Rows
    kind: Rows
    place: Rows
    label: Rows
    age: Rows
    rows: Array
    sums: Array
    losses: Array


def gather(counted: Counted, frame: Frame) -> Cohorts:
    """Groups put in their cells."""
    shape = (len(frame.starts), frame.bins, frame.classes, len(frame.ages))
    own, live = (_cells(counted, np.isin(counted.kind, kinds), shape) for kinds in ((1, 2), (0, 1)))
    return Cohorts(frame.starts, frame.step_s, frame.ages, own, live, frame.now)


def _cells(counted: Counted, chosen: NDArray[np.bool_], shape: tuple[int, int, int, int]) -> Cells:
    cohorts, bins, classes, ages = shape
    made, sums = np.zeros((cohorts, bins)), np.zeros((cohorts, bins))
    has_losses = classes == 1
    arrived, losses = np.zeros(shape), np.zeros((cohorts, bins, ages if has_losses else 1, LOSSES))
    np.add.at(made, (counted.cohort[chosen], counted.place[chosen]), counted.rows[chosen])
    np.add.at(sums, (counted.cohort[chosen], counted.place[chosen]), counted.sums[chosen])
    known = chosen & (counted.age >= 0)
    cohort, place, age = counted.cohort[known], counted.place[known], counted.age[known]
    np.add.at(arrived, (cohort, place, counted.label[known], age), counted.rows[known])
    if has_losses:
        np.add.at(losses, (cohort, place, age), counted.losses[known])
    return Cells(made, sums, arrived, losses)


def count_rows(at: Array, score: Array, label: Array, label_at: Array, frame: Frame) -> Counted:
    """What the store would count of rows: float64[n] each; a label is NaN where there is none by then."""
    known = np.isfinite(label) & (label_at < frame.now)
    cohort = np.clip((at - frame.starts[0]) // frame.step_s, 0, len(frame.starts) - 1).astype(np.int64)
    age = np.where(known, np.searchsorted(frame.ages, np.where(known, label_at - at, 0.0), side="left"), -1)
    truth = np.where(known, label, score)
    error = np.abs(truth - score)
    losses = np.stack([error, error**2, error**4, np.abs(truth)], axis=1)
    return Counted(
        cohort=cohort,
        kind=np.ones(len(at), dtype=np.int64),
        place=_class_of(score, frame.named)
        if frame.is_of_classes
        else np.searchsorted(frame.edges, score, side="left"),
        label=_label_of(truth, frame) * known,
        age=age.astype(np.int64),
        rows=np.ones(len(at)),
        sums=score,
        losses=losses if frame.is_of_numbers else np.zeros((len(at), LOSSES)),
    )


def _label_of(label: Array, frame: Frame) -> Rows:
    if frame.is_of_classes:
        return _class_of(label, frame.named)
    return np.zeros(len(label), dtype=np.int64) if frame.is_of_numbers else (label > 0).astype(np.int64)


def _class_of(values: Array, named: int) -> Rows:
    return np.asarray(np.clip(np.round(values), 0, named - 1), dtype=np.int64)


def labelled(cells: Cells, weight: Array, seen: NDArray[np.bool_]) -> Labelled:
    """The labelled rows of some cohorts: ``weight`` float64[C, L] (zero: left out) of each class, those ``seen``."""
    chosen = np.flatnonzero(weight.sum(axis=1) > 0)
    known = cells.arrived[chosen] * seen[chosen][:, None, None, :]
    counts = np.einsum("cbla,cl->bl", known, weight[chosen])
    if counts.shape[1] > 1:
        return Labelled(counts, np.zeros((len(counts), LOSSES)))
    losses = np.einsum("cbak,ca,c->bk", cells.losses[chosen], seen[chosen].astype(np.float64), weight[chosen][:, 0])
    return Labelled(counts, losses)
