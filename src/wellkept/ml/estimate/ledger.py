"""The label-maturity ledger: how much of a cohort's labels has come by which age, learned from the cohorts themselves.

Positives and negatives come at different speeds (a fraud by its chargeback, an honest payment when a period is over).
What came so far is then no fair sample: each class is weighted by how much of it is still to come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.cohorts import Cells, Cohorts

Array = NDArray[np.float64]

FEWEST = 30
"""Labels of a class from which on its speed is learned by itself."""
MATURE = 0.9
"""A cohort is mature when this share of each class is expected to have come."""
LEAST = 0.25
"""With less of a class expected, nothing is told of a cohort: single labels would stand for many."""


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """``ages`` float64[A] (ends, in seconds), ``share`` float64[L, A]: of the labels that ever come, those by then.

    ``ever``: the share of predictions that get a label at all; NaN where no cohort is old enough to say. ``made``
    float64[C] and ``arrived`` float64[C, L, A]: the predictions of each cohort, and their labels.
    """

    ages: Array
    share: Array
    ever: float
    made: Array
    arrived: Array

    def at(self, age_s: Array) -> Array:
        """The expected share of each class at some ages: float64[n] to float64[n, L]; steps are gone along evenly."""
        finite = np.isfinite(self.ages)
        ends = np.r_[0.0, self.ages[finite]]
        rows = [np.interp(age_s, ends, np.r_[0.0, share[finite]]) for share in self.share]
        return np.stack(rows, axis=1)

    def come(self, cohorts: Cohorts, at: float) -> Array:
        """Which share of its labels has come to each cohort by a moment: float64[C, L].

        It is what is expected at its age. But no more can come than there are predictions without a label: a cohort
        that has them all is mature, however long they are said to take.
        """
        here = (self.arrived * cohorts.seen(at)[:, None, :]).sum(axis=2)
        missing = np.maximum(self.made - here.sum(axis=1), 0.0)[:, None]
        least = np.where(here + missing > 0, here / np.where(here + missing > 0, here + missing, 1.0), 1.0).min(axis=1)
        least[self.made == 0] = 0.0
        return np.asarray(np.maximum(self.at(at - cohorts.ends), least[:, None]), dtype=np.float64)


def ledger(cohorts: Cohorts) -> Ledger:
    """What the cohorts say of the arrival of labels, those of every version together.

    The young ones have not seen their late labels yet; so each age bin is compared only within the cohorts that have
    wholly lived through it (the product-limit estimator under right truncation; actuaries call it the chain ladder).
    """
    arrived, made = cohorts.live.arrived.sum(axis=1), cohorts.live.made.sum(axis=1)
    lived = cohorts.whole_ages()
    total = _share(arrived.sum(axis=1), lived)
    rows = [_share(arrived[:, k], lived) if arrived[:, k].sum() >= FEWEST else total for k in range(arrived.shape[1])]
    found = Ledger(cohorts.ages, np.stack(rows), float("nan"), made, arrived)
    return replace(found, ever=_ever(cohorts.live, found.at(cohorts.now - cohorts.ends)))


def _share(arrived: Array, lived: NDArray[np.int64]) -> Array:
    """float64[C, A] labels by age, to float64[A]: the share by the end of each age bin."""
    count = arrived.shape[1]
    came = np.cumsum(arrived, axis=1)
    old = lived[:, None] > np.arange(count)[None, :]
    new, before = (arrived * old).sum(axis=0), (came * old).sum(axis=0)
    hazard = np.where(before > 0, new / np.where(before > 0, before, 1.0), 0.0)
    # The share by the end of a bin is what all later bins leave of the whole.
    later = np.cumprod((1.0 - hazard)[::-1])[::-1]
    return np.asarray(np.r_[later[1:], 1.0], dtype=np.float64)


def _ever(cells: Cells, expected: Array) -> float:
    old = expected.min(axis=1) >= 1.0 - 1e-9
    made = cells.made[old].sum()
    return float(cells.arrived[old].sum() / made) if made > 0 else float("nan")


def weights(cohorts: Cohorts, book: Ledger, at: float, least: float) -> Array:
    """How many labels each one that has come stands for, by cohort and class: float64[C, L]; zero: too young."""
    expected = book.come(cohorts, at)
    is_old = (expected.min(axis=1) >= least)[:, None]
    return np.where(is_old, 1.0 / np.where(is_old, expected, 1.0), 0.0)
