"""The metrics of one entity together: how unlike itself the entity is, and which of its metrics is to blame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.channels import LAYOUT, fading
from wellkept.ops.detect.baseline.parameters import SHIPPED, Parameters
from wellkept.ops.detect.baseline.state import State, fresh

Floats = NDArray[np.float32]

TOP = 3
"""So many metrics make the score of an entity: a cause shows in more than one, and hardly ever in most of them."""


def together(standard: Floats, owners: NDArray[np.intp], entities: int) -> Floats:
    """Scores [B, E]: the mean of the ``TOP`` highest ``Scores.standard`` [B, S] of each entity's series.

    ``owners`` [S]: the number of the entity that a series belongs to, -1 for none.
    """
    found = np.zeros((len(standard), entities), dtype=np.float32)
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(entities + 1))
    sizes = np.diff(starts)
    for size in np.unique(sizes[sizes > 0]):
        which = np.flatnonzero(sizes == size)
        columns = order[starts[which][:, None] + np.arange(size)]
        values = standard[:, columns]
        best = min(TOP, int(size))
        found[:, which] = np.partition(values, size - best, axis=2)[..., size - best :].mean(axis=2)
    return found


class Entities:
    """The scores of entities from step to step: the newest one, and with what was a while ago."""

    def __init__(self, entities: int, parameters: Parameters = SHIPPED) -> None:
        self._parameters = parameters
        self._state: State = fresh(LAYOUT, entities)

    def advance(self, scores: Floats, elapsed: Floats) -> Floats:
        """Scores [B, E] that also count the past. ``elapsed`` [B]: seconds since the step before."""
        chosen = self._parameters
        once = np.full(scores.shape, 1 / chosen.quick_values, dtype=np.float32)
        hours = np.broadcast_to(elapsed[:, None] / np.float32(chosen.slow_s), scores.shape)
        pieces = []
        for start in range(0, len(scores), 16):
            part = slice(start, start + 16)
            quick = fading(self._state, "quick", scores[part], once[part])
            slow = fading(self._state, "slow", scores[part], hours[part])
            pieces.append(scores[part] + chosen.quick_weight * quick + chosen.slow_weight * slow)
        return np.concatenate(pieces) if pieces else scores


def ranked(blame: Floats, columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """The series ``columns`` of an entity, the one to blame first, by ``Scores.blame`` [B, S] over the steps given."""
    return np.asarray(columns[np.argsort(-blame[:, columns].mean(axis=0), kind="stable")], dtype=np.intp)
