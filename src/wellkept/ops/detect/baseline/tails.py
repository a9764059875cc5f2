"""How usual a residual of a given size is: a slow upper quantile, and an exponential tail above it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

TINY = np.float32(1e-30)
START = 20
"""Values that a new tail is taken to have seen before its first, so that the first ones do not throw it about."""


class Tails:
    """The tails of ``count`` kinds of residuals >= 0, each of its own scale, at the quantile ``level``.

    The quantile moves by a stochastic step on its logarithm: up by ``g * level`` for a residual above it, down by
    ``g * (1 - level)`` for one below, ``g`` falling from quick to that of ``horizon_s``. The mean exceedance over it
    is the scale of the tail, and learns from exceedances clipped at ``clip`` times itself. What is learned takes effect
    every few steps (``settle``), so that a block of steps is one array operation.
    """

    def __init__(self, name: str, count: int, level: float, horizon_s: float, clip: float) -> None:
        self._name, self._level, self._horizon_s, self._clip = name, level, horizon_s, np.float32(clip)
        self.layout: Layout = {
            f"{name}_quantile": Slot((count,)),
            f"{name}_excess": Slot((count,)),
            f"{name}_count": Slot((count,), 0, np.uint16),
            f"{name}_rows": Slot((count,), 0, np.uint8),
            f"{name}_above": Slot((count,), 0, np.uint8),
            f"{name}_sum": Slot((count,)),
        }

    def excess(self, state: State, residuals: Floats) -> Floats:
        """-log of the tail probability, up to a constant, of residuals [count, B, S]; NaN where there is none, and 0
        where nothing is known yet. Remembers them for the next ``settle``, which must come after 255 steps at most.
        """
        quantile, mean = state[f"{self._name}_quantile"], state[f"{self._name}_excess"]
        over = residuals - quantile[:, None]
        above = over > 0
        np.maximum(over, 0, out=over)
        state[f"{self._name}_above"] += above.sum(axis=1, dtype=np.uint8)
        state[f"{self._name}_rows"] += np.isfinite(residuals).sum(axis=1, dtype=np.uint8)
        most = np.where(quantile > 0, self._clip * mean, np.inf)
        state[f"{self._name}_sum"] += np.nansum(np.minimum(over, most[:, None]), axis=1)
        over *= _inverse(mean)[:, None]
        over += np.minimum(residuals * _inverse(quantile)[:, None], 1)
        return over

    def settle(self, state: State, step_s: Floats, floor: Floats) -> None:
        """Learn from what was seen since the last time. [S] each: seconds between two values of a series, and the least
        scale that one of its residuals may have.
        """
        count, rows, above, total = (state[f"{self._name}_{name}"] for name in ("count", "rows", "above", "sum"))
        quantile, mean = state[f"{self._name}_quantile"], state[f"{self._name}_excess"]
        rest = 1 - self._level
        rate = np.maximum(step_s / self._horizon_s, 1 / (count + np.float32(START)))
        gain = np.minimum(0.5 * rate / rest, 0.5)
        up = above.astype(np.float32)
        new = (quantile <= 0) & (above > 0)
        quantile *= np.exp(gain * (up * self._level - (rows - up) * rest)).astype(np.float32)
        start = (total / np.maximum(up, 1)).astype(np.float32)
        share = 1 - (1 - np.minimum(rate / rest, 0.5)) ** up
        mean += (share * (start - mean)).astype(np.float32)
        for array in (quantile, mean):
            np.copyto(array, start, where=new)
            np.copyto(array, np.maximum(array, floor), where=array > 0)
        np.copyto(count, np.minimum(count, 65_000) + rows)
        for array in (above, rows, total):
            array[...] = 0


def _inverse(scale: Floats) -> Floats:
    return np.where(scale > 0, 1 / np.maximum(scale, TINY), 0).astype(np.float32)
