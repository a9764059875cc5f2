"""Champion and challenger as a test wants them: so many requests, failures, slow answers, truths, losses, scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.deploy.measures import Pair

EDGES = 9
BUCKETS = 1024


@dataclass(frozen=True)
class Side:
    """What one version did, spread evenly over many callers. ``loss`` is the mean, ``shift`` moves the scores."""

    requests: int = 0
    failed: int = 0
    slow: int = 0
    labels: int = 0
    loss: float = 0.3
    shift: float = 0.0

    def asked(self) -> NDArray[np.float64]:
        return np.column_stack([spread(self.requests), spread(self.failed), spread(self.slow)])

    def answered(self) -> NDArray[np.float64]:
        given = spread(self.requests - self.failed)
        known = spread(self.labels)
        wobble = 1 + 0.2 * np.sin(np.arange(BUCKETS))
        above = [np.clip(1 - (edge + 1) / (EDGES + 1) + self.shift, 0, 1) * given for edge in range(EDGES)]
        return np.column_stack([given, known, known * self.loss * wobble, *above])


def spread(count: int) -> NDArray[np.float64]:
    """So many, one a bucket, round and round."""
    return np.bincount(np.arange(count) % BUCKETS, minlength=BUCKETS).astype(np.float64)


def pair(champion: Side, challenger: Side) -> Pair:
    """Both."""
    sides = (champion, challenger)
    requests, answers = [side.asked() for side in sides], [side.answered() for side in sides]
    return Pair((requests[0], requests[1]), (answers[0], answers[1]), 5.0)
