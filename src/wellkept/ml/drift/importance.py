"""How much each input does to the score: drift of what does nothing is no reason to wake anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]
MOST_ROWS = 500
SEED = 31
MATTERS = 0.3
"""An input matters from this share of what it would have if all had the same."""


def importance(score: Score, rows: Floats, names: Sequence[str]) -> dict[str, float]:
    """Each column's share (summing up to 1) of the squared change of the scores when its values change places.

    Permutation importance by the scores, which needs no labels (L. Breiman 2001). ``rows`` is float64[n, names];
    empty where no column does anything.
    """
    random = np.random.default_rng(SEED)
    taken = rows[np.sort(random.permutation(len(rows))[:MOST_ROWS])]
    before = np.asarray(score(taken), dtype=np.float64)
    change = np.zeros(len(names))
    for place in range(len(names)):
        mixed = taken.copy()
        mixed[:, place] = random.permutation(mixed[:, place])
        change[place] = float(np.mean((np.asarray(score(mixed), dtype=np.float64) - before) ** 2))
    total = float(np.nansum(change))
    if not total > 0:
        return {}
    return {name: float(share) for name, share in zip(names, np.nan_to_num(change) / total, strict=True)}


def matters(share: float | None, inputs: int) -> bool:
    """Whether an input with this share of the importance, among so many, matters; one that is not known does."""
    return share is None or share >= MATTERS / max(inputs, 1)
