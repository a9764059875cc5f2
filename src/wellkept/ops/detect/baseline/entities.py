"""The metrics of one entity together: how unlike itself the entity is, and which of its metrics is to blame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline import channels
from wellkept.ops.detect.baseline.budget import WEEK_S
from wellkept.ops.detect.baseline.parameters import SHIPPED, Parameters
from wellkept.ops.detect.baseline.state import Slot, State, fresh
from wellkept.ops.detect.baseline.tails import Tails

Floats = NDArray[np.float32]

TOP = 3
"""So many metrics make the score of an entity: a cause shows in more than one, and hardly ever in most of them."""
CHUNK = 16
QUIET_S = 1800.0


def together(standard: Floats, owners: NDArray[np.intp], entities: int) -> Floats:
    """Scores [B, E]: the mean of the ``TOP`` highest ``Scores.standard`` [B, S] of each entity's series.

    ``owners`` [S]: the number of the entity that a series belongs to, -1 for none.
    """
    found = np.zeros((len(standard), entities), dtype=np.float32)
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(entities + 1))
    sizes = np.diff(starts)
    for size in np.unique(sizes[sizes > 0]).tolist():
        which = np.flatnonzero(sizes == size)
        values = standard[:, order[starts[which][:, None] + np.arange(size)]]
        best = min(TOP, size)
        found[:, which] = np.partition(values, size - best, axis=2)[..., size - best :].mean(axis=2)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What is said of entities, [B, E] each.

    ``size``: how many times their usual deviation the three worst metrics show, as ``together`` gives it. ``rarity``:
    -log10 of the share of steps at which this entity shows as much, by its own past. ``lasting``: the size, with what
    was a while ago.
    """

    size: Floats
    rarity: Floats
    lasting: Floats


class Entities:
    """The scores of ``entities`` entities from step to step."""

    def __init__(self, entities: int, parameters: Parameters = SHIPPED) -> None:
        self._parameters = replace(parameters, slow_weight=parameters.entity_slow_weight)
        self._level = parameters.unusual_level
        self._tails = Tails([self._level], 0, 0.0, parameters.horizon_s, parameters.clip)
        self._state: State = fresh({**channels.LAYOUT, **self._tails.layout, "rows": Slot()}, entities)
        self._step = 0

    def advance(self, size: Floats, elapsed: Floats) -> Together:
        """Judge the sizes [B, E] of ``together``, ``elapsed`` [B] seconds after the step before each."""
        rarity, lasting = np.empty_like(size), np.empty_like(size)
        start = 0
        while start < len(size):
            stop = min(len(size), start + CHUNK - self._step % CHUNK)
            part = slice(start, stop)
            lasting[part] = self._lasting(size[part], elapsed[part])
            excess, _ = self._tails.excess(self._state, size[None, part])
            over = np.maximum(excess[0] - 1, 0) / np.log(10) - np.log10(1 - self._level)
            self._state["rows"] += stop - start
            known = self._state["rows"] > self._parameters.warm_up
            rarity[part] = np.where(known & (excess[0] >= 1), over, 0)
            self._step += stop - start
            if self._step % CHUNK == 0:
                step_s = np.full(size.shape[1], float(elapsed[part].mean()), dtype=np.float32)
                self._tails.settle(self._state, step_s, np.full(size.shape[1], 1e-6, dtype=np.float32))
            start = stop
        return Together(size, rarity, lasting)

    def _lasting(self, size: Floats, elapsed: Floats) -> Floats:
        seconds = np.broadcast_to(elapsed[:, None], size.shape)
        total = channels.lasting(self._state, self._parameters, size, np.ones_like(size), seconds)
        return channels.plateau(self._state, total)


def threshold(budget: float = 1.0) -> float:
    """The rarity that is worth a finding, where ``budget`` false ones an entity and week are accepted.

    An entity that is out of order stays so for many steps, so what shares the budget is not the steps of a week but its
    half hours: alarms closer than that are one.
    """
    return float(np.log10(WEEK_S / QUIET_S / budget))


def ranked(blame: Floats) -> NDArray[np.intp]:
    """The metrics of an entity, the one to blame first, by ``Scores.blame`` [B, S] of its series over some steps."""
    return np.asarray(np.argsort(-blame.mean(axis=0), kind="stable"), dtype=np.intp)
