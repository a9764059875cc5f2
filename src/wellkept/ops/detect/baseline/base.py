"""What the baseline of many series says about their newest steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How unusual each of ``S`` series was in each of ``T`` steps; all arrays are [T, S], aligned with a window.

    ``sudden`` and ``unusual`` are -log10 of a calibrated tail probability: 3 means that this series, when it is well,
    shows a step like this one in a thousand. ``sudden`` answers within a step to what has just changed; ``unusual``
    to what lasts and stays unlike what was usual at this time of day. 0 where nothing is known yet or the step holds
    no value. ``low`` and ``high``: what is usual, in the unit of the series: what was seen around this time yesterday
    and a week ago, or, before a day is known, what lies around its level so far. ``ready``: bool[S], whether the series
    was seen for long enough that its scores mean something.
    """

    sudden: Floats
    unusual: Floats
    low: Floats
    high: Floats
    ready: NDArray[np.bool_]
    standard: Floats | None = None
    """Size of the step plus distance to the level of the last days, each by its usual size: what the score of an entity
    is made of, see ``entities``."""
    alarm: Floats | None = None
    """What is unlike the usual at this very step, and at least as much as of late: -log10 of a probability, else 0."""
    blame: Floats | None = None
    """How far out the metric is, to rank the metrics of one entity by."""


@dataclass(frozen=True, slots=True, eq=False)
class EntityScores:
    """What the baseline says of the newest steps of ``E`` entities that have several metrics: [T, E], in the order of
    ``names``.

    ``size``: how many times their usual deviation the three worst metrics show on average; 0 where nothing was seen.
    ``rarity``: -log10 of the share of half hours in which the entity shows as much while it is well. ``ready`` [E]:
    whether it was seen for long enough. ``threshold`` [E]: the least rarity that is worth a word.
    """

    names: tuple[str, ...]
    size: Floats
    rarity: Floats
    ready: NDArray[np.bool_]
    threshold: Floats
