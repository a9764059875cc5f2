"""From a budget of false alarms to the score that a series must reach before anything is said of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

WEEK_S = 7 * 86_400.0

LAYOUT: Layout = {"step_s": Slot((), 60.0), "learned": Slot(), "adjusted": Slot()}
"""``learned``: how much more than the common threshold this series needs to keep within the budget. ``adjusted``: what
people's feedback added to it, or took off."""


def thresholds(state: State, budget: float) -> Floats:
    """The least score [S] that is worth a finding when ``budget`` false ones a series and week are accepted.

    A score is -log10 of a probability a step, so the threshold is the log10 of the steps that share the budget.
    """
    common = np.log10(WEEK_S / np.maximum(state["step_s"], 1e-3) / budget)
    return np.asarray(np.maximum(common + state["learned"] + state["adjusted"], 1), dtype=np.float32)
