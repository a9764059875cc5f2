"""Whether something that came in a rhythm has stopped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 3
"""Slices of silence below which nothing is said."""
FEW, MANY = 6, 12
PATIENCE_FEW, PATIENCE_MANY = 5, 3
"""Silence counts at so many times the longest pause that there was among FEW, or MANY, active slices.

Were pauses as by chance (geometric), one of m pauses is k times as long as the longest of the others about m ** -k of
the time: at worst once in 1,700 pauses.
"""


def quiet_since(counts: NDArray[np.int64]) -> int:
    """The last slice in which something came, where the silence since then is out of rhythm; -1 where it is not."""
    active = np.flatnonzero(counts)
    if len(active) < FEW:
        return -1
    pause = int(np.diff(active).max())
    patience = PATIENCE_MANY if len(active) >= MANY else PATIENCE_FEW
    quiet = len(counts) - 1 - int(active[-1])
    return int(active[-1]) if quiet >= max(LEAST, patience * pause) else -1
