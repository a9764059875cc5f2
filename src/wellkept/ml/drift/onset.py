"""Since when: the slice at which the counts began to look more like those of now than like the reference's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.drift.distances import shares

Floats = NDArray[np.float64]
Counts = NDArray[np.float64] | NDArray[np.int64]


def onset(slices: Counts, reference: Floats, first: int) -> int:
    """The slice of int[S, B] where the change most likely was; ``first`` is where the window that was judged begins.

    Each slice's log likelihood ratio, what it is now against what it was, is summed up from the end; the largest sum
    is where the change was (the maximum likelihood of one change point, Hinkley 1970).
    """
    counts = np.asarray(slices, dtype=np.float64)
    now, then = counts[first:].sum(axis=0), shares(reference)
    for _ in range(2):
        gain = counts @ np.log(shares(now) / then)
        at = int(len(counts) - 1 - np.argmax(np.cumsum(gain[::-1])))
        now = counts[at:].sum(axis=0)
    return at
