"""How far from a promise the newest labels must be before it is more than chance."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

BUDGET = 0.1
"""False alarms a month of a model that is as promised."""
LOOKS, MONTH_S, MOST_WINDOWS = 5, 30 * 86_400.0, 120.0


def errors(window_s: float) -> float:
    """How many standard errors a drop must be, where the newest labels cover so many seconds.

    In a month there are as many windows that share no label as fit into it, and one that moves with each look has as
    many chances as LOOKS of those (by simulation: chance then passes in 4 to 10 of 100 months, whatever the window).
    """
    windows = float(np.clip(MONTH_S / max(window_s, 1.0), 1.0, MOST_WINDOWS))
    return NormalDist().inv_cdf(1 - BUDGET / (LOOKS * windows))
