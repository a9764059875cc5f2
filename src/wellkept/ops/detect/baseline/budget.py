"""From a budget of false alarms to the score that a series must reach before anything is said of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.parameters import Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State

Floats = NDArray[np.float32]

WEEK_S = 7 * 86_400.0
LAYOUT: Layout = {"step_s": Slot((), 60.0), "learned": Slot(), "adjusted": Slot(), "peak": Slot()}
"""``learned``: how much more than the common threshold this series needs, by how often it came close above it.
``adjusted``: what people's feedback added to it, or took off. ``peak``: the highest ``sudden`` since ``learn``.
"""


def thresholds(state: State, parameters: Parameters, budget: float) -> Floats:
    """The least score [S] that is worth a finding when ``budget`` false ones a series and week are accepted.

    A score is -log10 of a probability a step, so the common threshold is the log10 of the steps that share the budget.
    A young series needs more, because little is known of its tails.
    """
    common = np.log10(WEEK_S / np.maximum(state["step_s"], 1e-3) / budget)
    young = np.log10(1 + parameters.young_values / np.maximum(state["count"], 1))
    return np.asarray(np.maximum(common + young + state["learned"] + state["adjusted"], 1), dtype=np.float32)


def learn(state: State, parameters: Parameters, seconds: Floats) -> None:
    """Move ``learned`` by the highest score of the last ``seconds`` [S].

    Up where it was a little above the threshold of one a week, which is where false alarms are; what is far above it is
    trouble, and teaches nothing. Slowly down, so that it stands still at ``learn_allowed`` such times a week.
    """
    over = state["peak"] - thresholds(state, parameters, 1)
    close = (over > 0) & (over < parameters.learn_within)
    fall = parameters.learn_allowed * seconds / WEEK_S
    state["learned"] += (parameters.learn_gain * (close - fall)).astype(np.float32)
    np.clip(state["learned"], 0, parameters.learn_most, out=state["learned"])
    state["peak"][...] = 0
