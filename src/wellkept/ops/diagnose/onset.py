"""When it began: what users feel changed at a moment, and the alert about it came later, or gave a moment too early."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellkept.kernel.finding import Finding
from wellkept.ops.diagnose.felt import ENOUGH, Floats, indicator, indicators_of
from wellkept.store.telemetry.window import Window

NEAR, FAR = 2.6, 4.0
"""How unlikely a change has to be, in standard deviations of its rank sum: within the margin of the moment that was
told, where only few moments come into question; and beyond it, where any may."""
LEAST = 2
"""Steps after a change, at the least."""


def step_of_change(symptoms: Sequence[Finding], red: Window, told: int, margin: int) -> int:
    """The step at which the first symptom that was measured changed for the worse; ``told`` where nothing says so.

    The split of all steps into before and after whose rank sums differ most, over the indicators that the symptom may
    be about. Ranks, because single steps that stray must not move it. ``told`` and the answer are rows of ``red``.
    """
    for finding in symptoms:
        known = [
            values
            for name in indicators_of(finding)
            if (values := indicator(red, name).get(finding.entity)) is not None
        ]
        splits = [split for values in known if (split := _split(values)) is not None]
        if splits:
            sure, step = max(splits)
            return step if sure >= (NEAR if abs(step - told) <= margin else FAR) else told
    return told


def _split(values: Floats) -> tuple[float, int] | None:
    """How many standard deviations the ranks after the best split are above what is expected, and its first step."""
    steps = np.flatnonzero(np.isfinite(values))
    count = len(steps)
    if count < ENOUGH + LEAST:
        return None
    _, code, times = np.unique(values[steps], return_inverse=True, return_counts=True)
    rank = (np.cumsum(times) - (times - 1) / 2)[code]
    before = np.arange(ENOUGH, count - LEAST + 1)
    after = count - before
    above = rank.sum() - np.cumsum(rank)[before - 1] - after * (count + 1) / 2
    sure = above / np.sqrt(before * after * (count + 1) / 12)
    best = int(np.argmax(sure))
    return float(sure[best]), int(steps[before[best]])
