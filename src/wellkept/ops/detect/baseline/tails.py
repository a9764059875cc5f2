"""How usual a residual of a given size is: a slow upper quantile, and an exponential tail above it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

TINY = np.float32(1e-30)
START = 20
"""Values that a new tail is taken to have seen before its first, so that the first ones do not throw it about."""
SATURATED = 65_000
"""The count of values stops here: from then on the horizon says how fast is learned."""
ABSENT = np.float32(-1)
"""Stands for a residual that there is none of."""


class Tails:
    """The tails of residuals >= 0, each with a scale of its own, at the quantiles ``levels``.

    The quantile moves by a stochastic step on its logarithm: up by ``g * level`` for a residual above it, down by
    ``g * (1 - level)`` for one below, ``g`` falling from quick to that of ``horizon_s``. The mean exceedance over it
    is the scale of the tail, and learns from exceedances clipped at ``clip`` times itself. The first ``2 * pairs``
    tails are the upward and then the downward side of the same residuals: neither may have a scale below ``balance``
    times that of the other, for a side on which hardly anything happened has none to be judged by. What is learned
    takes effect every few steps (``settle``), so that a block of steps is one array operation. ``is_quick``: the first
    values are taken for those of an exponential distribution, so that their quantile is not far off from the start;
    else it begins at their mean.
    """

    def __init__(
        self,
        levels: Sequence[float],
        pairs: int,
        balance: float,
        horizon_s: float,
        clip: float,
        is_quick: bool = False,
    ) -> None:
        self._is_quick = is_quick
        self._level = np.array(levels, dtype=np.float32)[:, None]
        self._pairs, self._balance = pairs, np.float32(balance)
        self._horizon_s, self._clip = horizon_s, np.float32(clip)
        count = len(levels)
        self.layout: Layout = {
            "tail_quantile": Slot((count,)),
            "tail_excess": Slot((count,)),
            "tail_count": Slot((count,), 0, np.uint16),
            "tail_rows": Slot((count,), 0, np.uint8),
            "tail_above": Slot((count,), 0, np.uint8),
            "tail_sum": Slot((count,)),
        }

    def excess(self, state: State, residuals: Floats) -> tuple[Floats, Floats]:
        """-log of the tail probability, up to a constant, of residuals [count, B, S] >= 0, or ``ABSENT``; and how many
        times their quantile they are. 0 where nothing is known yet.

        Remembers them for the next ``settle``, which must come after 255 steps at most.
        """
        quantile, mean = state["tail_quantile"], state["tail_excess"]
        over = residuals - quantile[:, None]
        above = over > 0
        np.maximum(over, 0, out=over)
        state["tail_above"] += above.sum(axis=1, dtype=np.uint8)
        state["tail_rows"] += (residuals >= 0).sum(axis=1, dtype=np.uint8)
        most = np.where(quantile > 0, self._clip * mean, np.inf)
        state["tail_sum"] += np.minimum(over, most[:, None]).sum(axis=1)
        over *= _inverse(mean)[:, None]
        times = np.maximum(residuals, 0) * _inverse(quantile)[:, None]
        over += np.minimum(times, 1)
        return over, times

    def settle(self, state: State, step_s: Floats, floor: Floats) -> None:
        """Learn from what was seen since the last time.

        [S] each: seconds between two values of a series, and the least scale that one of its residuals may have.
        """
        quantile, mean = state["tail_quantile"], state["tail_excess"]
        count, rows, total = state["tail_count"], state["tail_rows"], state["tail_sum"]
        rest = 1 - self._level
        rate = np.maximum(step_s / self._horizon_s, 1 / (count + np.float32(START)))
        gain = np.minimum(0.5 * rate / rest, 0.5)
        above = state["tail_above"].astype(np.float32)
        new = (quantile <= 0) & (above > 0)
        quantile *= np.exp(gain * (above * self._level - (rows - above) * rest))
        fresh = total / np.maximum(above, 1)
        mean += (1 - (1 - np.minimum(rate / rest, 0.5)) ** above) * (fresh - mean)
        share = np.log(np.maximum(above / np.maximum(rows, 1) / rest, np.e)) if self._is_quick else np.float32(1)
        for array, start in ((quantile, fresh * share), (mean, fresh)):
            np.copyto(array, start, where=new)
            sides = array[: 2 * self._pairs]
            least = np.concatenate((sides[self._pairs :], sides[: self._pairs])) * self._balance
            np.copyto(sides, np.maximum(sides, least), where=sides > 0)
            np.copyto(array, np.maximum(array, floor), where=array > 0)
        np.copyto(count, np.minimum(count, SATURATED) + rows)
        for name in ("tail_above", "tail_rows", "tail_sum"):
            state[name][...] = 0


def _inverse(scale: Floats) -> Floats:
    return np.asarray(np.where(scale > 0, 1 / np.maximum(scale, TINY), 0), dtype=np.float32)
