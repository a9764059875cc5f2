"""How far a value is from its predecessor and from its level of the last days, in units of what is usual for both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

TINY = np.float32(1e-30)
MOST = np.float32(1000)
"""A deviation counts as this many times the usual one at most: a metric that never moved before has no usual one."""
SPREADS = np.float32(2)
"""What is usual lies within so many usual distances of the level."""
LAYOUT: Layout = {
    "squares": Slot((2,)),
    "square_sums": Slot((2,)),
    "mean_step": Slot(),
    "step_sum": Slot(),
}


def standard(state: State, difference: Floats, values: Floats) -> Floats:
    """Size of the last step plus distance to the level of the last days [B, S], each by its root mean square.

    ``difference``: from the value before; ``values``: both [B, S], NaN where nothing was seen, which gives 0. Remembers
    both for the next ``settle``.
    """
    size = np.nan_to_num(np.abs(difference), nan=0.0)
    away = np.nan_to_num(np.abs(values - state["record_mean"][0]), nan=0.0)
    state["square_sums"] += np.stack(((size * size).sum(axis=0), (away * away).sum(axis=0)))
    state["step_sum"] += size.sum(axis=0)
    floor = np.maximum(0.15 * state["mean_step"], 0.003 * width(state))
    usual = np.maximum(np.maximum(np.sqrt(state["squares"]), floor), TINY)
    return np.asarray(np.minimum(size / usual[0], MOST) + np.minimum(away / usual[1], MOST), dtype=np.float32)


def usual(state: State) -> tuple[Floats, Floats]:
    """Within what a series usually is around its level of the last days: lowest and highest, [S] each."""
    reach = SPREADS * np.sqrt(state["squares"][1])
    return state["record_mean"][0] - reach, state["record_mean"][0] + reach


def settle(state: State, share: Floats, rows: Floats) -> None:
    """Learn what was seen since the last time: ``rows`` [S] values, of which a ``share`` [S] of the memory is made."""
    state["squares"] += share * (state["square_sums"] / rows - state["squares"])
    state["mean_step"] += share * (state["step_sum"] / rows - state["mean_step"])
    state["square_sums"][...] = 0
    state["step_sum"][...] = 0


def width(state: State) -> Floats:
    """How wide the long record band is; 0 where there is none yet."""
    return np.asarray(np.nan_to_num(state["record_high"][0] - state["record_low"][0], nan=0.0), dtype=np.float32)
