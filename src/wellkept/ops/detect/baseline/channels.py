"""From the excesses of the residuals to the two scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.baseline.parameters import Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]


class Channels:
    """Adds up the excesses with the weights of each channel; ``unusual`` keeps its peaks and lets them fade."""

    def __init__(self, parameters: Parameters) -> None:
        self._sudden = np.array(parameters.sudden_weights, dtype=np.float32)[:, None, None]
        self._unusual = np.array(parameters.unusual_weights, dtype=np.float32)[:, None, None]
        self._fade = np.float32(0.5 ** (1 / parameters.hold_steps))
        self.layout: Layout = {"held": Slot()}

    def nothing(self, series: int) -> Scores:
        """The scores of no steps at all."""
        empty = np.zeros((0, series), dtype=np.float32)
        return Scores(empty, empty, empty, empty, np.zeros(series, dtype=np.bool_))

    def scores(self, state: State, sudden: Floats, unusual: Floats, ready: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """The two scores [B, S] of excesses [residuals, B, S]; 0 where nothing is known yet."""
        now = np.where(ready, np.nansum(sudden * self._sudden, axis=0), 0)
        slow = np.where(ready, np.nansum(unusual * self._unusual, axis=0), 0)
        return now.astype(np.float32), self._hold(state, slow.astype(np.float32), ready)

    def _hold(self, state: State, score: Floats, ready: NDArray[np.bool_]) -> Floats:
        grow = self._fade ** -np.cumsum(ready, axis=0, dtype=np.float32)
        line = np.concatenate((state["held"][None, :], score * grow))
        held = np.asarray(np.maximum.accumulate(line, axis=0)[1:] / grow, dtype=np.float32)
        state["held"] = held[-1].copy()
        return held
