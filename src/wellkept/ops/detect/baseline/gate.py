"""Alarms out of a score that stays up: only what is more unusual than the last alarms, less what has faded since."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.parameters import DAY_S, SHIPPED, Parameters

Floats = NDArray[np.float32]


class Gate:
    """Lets a score of a series through when it reaches the highest one before, which falls by a fixed amount a day."""

    def __init__(self, series: int, parameters: Parameters = SHIPPED) -> None:
        self._highest = np.zeros(series, dtype=np.float32)
        self._fall = parameters.gate_fall_per_day
        self._time: float | None = None

    def passed(self, times: NDArray[np.float64], scores: Floats) -> Floats:
        """Scores [B, S] that pass, and 0 in place of the others. ``times`` [B]: seconds, not decreasing."""
        start = float(times[0]) if self._time is None else self._time
        fallen = (self._fall * (times - start) / DAY_S).astype(np.float32)[:, None]
        level = scores + fallen
        reached = np.maximum.accumulate(np.concatenate((self._highest[None, :], level)), axis=0)
        self._highest = np.maximum(reached[-1] - fallen[-1], 0)
        self._time = float(times[-1])
        return np.asarray(np.where(level >= reached[1:], scores, 0), dtype=np.float32)
