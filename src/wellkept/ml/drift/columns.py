"""One column's drift: how far its counts are from the reference's, and how likely that is where nothing has changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.drift.calibrate import Wobble, chance
from wellkept.ml.drift.distances import divergence, jensen_shannon, ordered, psi, shares

Floats = NDArray[np.float64]
FEWEST_RARER = 5.0
"""Rows that a window would have outside the fullest bin, from which on the mean place is nearly normal."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a window of one column says beside its reference."""

    psi: float
    jensen_shannon: float
    chance: float
    """Of a distance this large where nothing has changed, over the distances that were tried."""
    rows: int
    place: int
    """The bin whose share changed most."""
    now: float
    then: float
    """That bin's share in the window, and in the reference."""

    def counts(self, smallest: float, level: float) -> bool:
        """Whether it is both large enough to matter and too improbable to be chance."""
        return self.psi >= smallest and self.chance <= level


def moved(counts: Floats, reference: Floats, own: Wobble, *, has_order: bool) -> Moved:
    """Judge the counts int[B] of a window.

    The likelihood ratio sees every kind of change, the mean place a small shift of the whole; the smaller chance of
    the two counts twice (Bonferroni). Categories, and columns that are nearly always the same, have the first alone.
    """
    rows = float(np.sum(counts))
    found = chance("divergence", float(divergence(counts, reference)), rows, reference, own)
    reference = np.asarray(reference, dtype=np.float64)
    rarer = rows * (1 - float(reference.max(initial=0.0)) / max(float(reference.sum()), 1.0))
    if has_order and rarer >= FEWEST_RARER:
        middle = chance("ordered", float(ordered(counts, reference)), rows, reference, own)
        found = min(1.0, 2 * min(found, middle))
    now, then = shares(counts), shares(reference)
    place = int(np.argmax(np.abs(now - then)))
    return Moved(
        psi=float(psi(counts, reference)),
        jensen_shannon=float(jensen_shannon(counts, reference)),
        chance=found,
        rows=int(rows),
        place=place,
        now=float(now[place]),
        then=float(then[place]),
    )
