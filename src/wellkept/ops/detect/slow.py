"""Senders that report more rarely than every step: their newest words, and how far apart those come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.statistics import quantiles

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

USUAL_GAP = 0.9
"""The quantile of the gaps between values that is called a rhythm: what is lost now and then makes no other one."""
REGULAR = 1.0
"""It is one where it is at most so many steps more than half of the gaps; requests that come by chance have none."""


@dataclass(frozen=True, slots=True)
class Words:
    """The newest values of many series, where they come when they should.

    ``mask``: bool[S, T], where they are. ``are_there``: bool[S], whether all of them have come, and none is overdue.
    ``rhythm``: float64[S], steps from one value to the next, at least 1.
    """

    mask: Bools
    are_there: Bools
    rhythm: Floats


def newest_words(seen: Bools, count: int) -> Words:
    """The newest ``count`` values of each series: those of the newest steps where there is one in each, else of who
    reports more rarely the last so many. ``seen``: bool[S, T], where there is a value.
    """
    size, steps = seen.shape
    mask = np.zeros((size, steps), dtype=bool)
    mask[:, -count:] = True
    are_there = np.asarray(seen[:, -count:].all(axis=1), dtype=bool)
    rhythm = np.ones(size)
    rows = np.flatnonzero(~are_there & (seen.sum(axis=1) > count))
    if not len(rows):
        return Words(mask, are_there, rhythm)
    middle, usual = quantiles(_gaps(seen[rows]), 0.5, USUAL_GAP)
    is_slow = (usual > 1) & (usual <= middle + REGULAR)
    rows, usual = rows[is_slow], usual[is_slow]
    some = seen[rows]
    backwards = some[:, ::-1].cumsum(axis=1)[:, ::-1]
    mask[rows] = some & (backwards <= count)
    reach = np.ceil(count * usual).astype(np.intp) + 1
    are_there[rows] = steps - mask[rows].argmax(axis=1) <= reach
    rhythm[rows] = usual
    return Words(mask, are_there, rhythm)


def rhythms(values: Floats) -> tuple[Floats, Bools]:
    """Steps from one value of each series to the next, at least 1: float64[S]; and whether it has such a rhythm, and
    none of its values is overdue: bool[S]. ``values``: float64[T, S].
    """
    seen = np.isfinite(values).T
    middle, usual = quantiles(_gaps(seen), 0.5, USUAL_GAP)
    since = np.argmax(seen[:, ::-1], axis=1)
    return np.fmax(usual, 1.0), np.asarray((usual <= middle + REGULAR) & (since <= np.ceil(usual)))


def is_current(seen: Bools, least: int) -> bool:
    """Whether who was seen in these steps (bool[T]) still speaks: its last word is no older than ``least`` steps, or
    than its rhythm explains.
    """
    said = np.flatnonzero(seen)
    rhythm = float(np.median(np.diff(said))) if len(said) > 1 else 1.0
    return bool(len(said)) and bool(len(seen) - 1 - said[-1] < max(least, 2 * rhythm + 1))


def _gaps(seen: Bools) -> Floats:
    """Steps since the value before, at each value that has one; NaN elsewhere."""
    place = np.arange(seen.shape[1])
    last = np.maximum.accumulate(np.where(seen, place, -1), axis=1)
    before = np.concatenate([np.full((len(seen), 1), -1), last[:, :-1]], axis=1)
    return np.where(seen & (before >= 0), place - before, np.nan)
