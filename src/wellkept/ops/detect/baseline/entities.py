"""The metrics of one entity together: how unlike itself the entity is, and which of its metrics is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import channels
from wellkept.ops.detect.baseline.budget import WEEK_S
from wellkept.ops.detect.baseline.parameters import SHIPPED, Parameters
from wellkept.ops.detect.baseline.state import Layout, Slot, State, fresh, grown, kept
from wellkept.ops.detect.baseline.tails import ABSENT, Tails

Floats = NDArray[np.float32]

TOP = 3
"""So many metrics make the score of an entity: a cause shows in more than one, and hardly ever in most of them."""
CHUNK = 16
QUIET_S = 1800.0
"""Alarms closer than this are one, so an entity is judged by the worst of each so long stretch."""
WORST_LEVEL = 0.9
"""The quantile that opens the tail of those worst steps."""
WORST_CLIP = 4.0
"""A worst step counts as so many times the usual exceedance at most when that tail learns: trouble is not learned."""
FIRST_EXCESS = 0.2
"""How far the worst steps lie above their quantile on average, as a share of it, before any has shown it."""
YOUNG_HALF_HOURS = 150.0
"""An entity of which so many worst steps are known needs twice the rarity of an old one before it is told of."""
ENOUGH = 24
"""So many of them make a tail. Before that, each step is judged by the steps, as if they had nothing in common."""
_OWN: Layout = {"rows": Slot(), "worst": Slot((), float(ABSENT))}
_WORST = "worst_"
"""What the state of the tail of worst steps begins with; that of all steps has the names of ``Tails``."""


class Grouping:
    """Which of ``S`` series belong to which of ``entities``. ``owners`` [S]: their numbers, -1 for none."""

    def __init__(self, owners: NDArray[np.intp], entities: int) -> None:
        self.entities = entities
        order = np.argsort(owners, kind="stable")
        starts = np.searchsorted(owners[order], np.arange(entities + 1))
        sizes = np.diff(starts)
        self._parts = []
        for size in np.unique(sizes[sizes > 0]).tolist():
            which = np.flatnonzero(sizes == size)
            self._parts.append((which, order[starts[which][:, None] + np.arange(size)]))

    def together(self, standard: Floats) -> Floats:
        """Scores [B, E]: the mean of the ``TOP`` highest ``Scores.standard`` [B, S] of each entity's series."""
        found = np.zeros((len(standard), self.entities), dtype=np.float32)
        for which, columns in self._parts:
            size = columns.shape[1]
            best = min(TOP, size)
            values = np.partition(standard[:, columns], size - best, axis=2)
            found[:, which] = values[..., size - best :].mean(axis=2)
        return found


def together(standard: Floats, owners: NDArray[np.intp], entities: int) -> Floats:
    """``Grouping.together``, for once."""
    return Grouping(owners, entities).together(standard)


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What is said of entities, [B, E] each.

    ``size``: how many times their usual deviation the three worst metrics show, as ``together`` gives it. ``rarity``:
    -log10 of the share of half hours in which this entity shows as much, by its own past. ``lasting``: the size, with
    what was a while ago.
    """

    size: Floats
    rarity: Floats
    lasting: Floats


class Entities:
    """The scores of ``entities`` entities from step to step; a block of steps gives the same as its steps one by one.

    What an entity shows at a step is held against the worst steps of its half hours so far: a quantile of them, and an
    exponential tail above it. Steps of one trouble follow each other, so a tail of steps would call one trouble many.

    Source: block maxima, as the statistics of extremes has them; the tail is that of ``Tails``.
    """

    def __init__(self, entities: int, parameters: Parameters = SHIPPED) -> None:
        self._parameters = replace(parameters, slow_weight=parameters.entity_slow_weight)
        self._level = parameters.sudden_level
        self._steps = Tails([self._level], 0, 0.0, parameters.horizon_s, parameters.clip, is_quick=True)
        self._worst = Tails([WORST_LEVEL], 0, 0.0, parameters.horizon_s, WORST_CLIP)
        worst = {_WORST + name: slot for name, slot in self._worst.layout.items()}
        self._layout: Layout = {**channels.LAYOUT, **self._steps.layout, **worst, **_OWN}
        self._state: State = fresh(self._layout, entities)
        self._step, self._half_hour, self._time, self._step_s = 0, -1, np.nan, 0.0

    @property
    def count(self) -> int:
        return len(self._state["rows"])

    @property
    def state_bytes(self) -> int:
        """Bytes of state of one entity."""
        return sum(slot.new(1).nbytes for slot in self._layout.values())

    @property
    def ready(self) -> NDArray[np.bool_]:
        """Whether an entity was seen for long enough that its rarity means something: [E]."""
        return np.asarray(self._state["rows"] > self._parameters.warm_up)

    def advance(self, size: Floats, times: NDArray[np.float64]) -> Together:
        """Judge the sizes [B, E] of ``together``; 0 where an entity was not seen. ``times`` [B] never decrease."""
        rarity, lasting = np.empty_like(size), np.empty_like(size)
        elapsed = np.diff(times, prepend=times[0] if np.isnan(self._time) else self._time).astype(np.float32)
        edges = np.flatnonzero(np.diff(times // QUIET_S)) + 1
        start = 0
        while start < len(size):
            following = edges[edges > start]
            stop = min(len(size), start + CHUNK - self._step % CHUNK, *following[:1].tolist())
            part = slice(start, stop)
            self._begin(int(times[start] // QUIET_S))
            lasting[part] = self._lasting(size[part], elapsed[part])
            rarity[part] = self._rarity(np.where(size[part] > 0, size[part], ABSENT), elapsed[part])
            self._step += stop - start
            if self._step % CHUNK == 0:
                self._settle(self._steps, self._state, self._step_s)
            start = stop
        if len(times):
            self._time = float(times[-1])
        return Together(size, rarity, lasting)

    def thresholds(self, budget: float = 1.0) -> Floats:
        """The least rarity [E] worth a finding; of an entity that is young it is higher, as that of a series is."""
        young = np.log10(1 + self._parameters.young_values / np.maximum(self._state["rows"], 1))
        known = self._tail_of_worst()["tail_count"][0]
        of_tail = np.log10(1 + YOUNG_HALF_HOURS / np.maximum(known, 1))
        young = np.where(known >= ENOUGH, np.maximum(young, of_tail), young)
        return np.asarray(threshold(budget) + young, dtype=np.float32)

    def grow(self, entities: int) -> None:
        """Let ``entities`` new ones in, after those that are there."""
        self._state = grown(self._state, self._layout, entities)

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Keep these alone, in this order."""
        self._state = kept(self._state, columns)

    def save(self) -> dict[str, NDArray]:  # type: ignore[type-arg]
        """Everything that ``restore`` needs to go on exactly from here."""
        clock = np.array([self._step, self._half_hour, self._time, self._step_s], dtype=np.float64)
        return {**{name: array.copy() for name, array in self._state.items()}, "clock": clock}

    def restore(self, saved: Mapping[str, NDArray]) -> None:  # type: ignore[type-arg]
        """Go on from what ``save`` gave. Raises InputError where it is not the state of this version."""
        for name, slot in self._layout.items():
            got = saved.get(name)
            if got is None or got.shape[:-1] != slot.shape or got.dtype != np.dtype(slot.dtype):
                raise InputError(f"entities.state.{name}", f"must be {slot.dtype.__name__} of {slot.shape}")
        self._state = {name: np.array(saved[name]) for name in self._layout}
        step, half_hour, self._time, self._step_s = saved["clock"].tolist()
        self._step, self._half_hour = int(step), int(half_hour)

    def _begin(self, half_hour: int) -> None:
        """What was worst in the half hour that is over is learned."""
        if half_hour != self._half_hour:
            self._half_hour = half_hour
            tail = self._tail_of_worst()
            self._worst.excess(tail, self._state["worst"][None, None])
            self._settle(self._worst, tail, QUIET_S)
            self._state["worst"][...] = ABSENT

    def _rarity(self, size: Floats, elapsed: Floats) -> Floats:
        state, tail = self._state, self._tail_of_worst()
        excess, _ = self._steps.excess(state, size[None])
        by_step = _beyond(excess[0], self._level)
        known = np.cumsum(size >= 0, axis=0) + state["rows"] > self._parameters.warm_up
        state["rows"] += (size >= 0).sum(axis=0)
        self._step_s = float(elapsed[-1])
        alone = np.log10(np.maximum(QUIET_S / np.maximum(elapsed, 1e-3), 1))[:, None]
        over = (size - tail["tail_quantile"]) / np.maximum(tail["tail_excess"], 1e-6)
        by_worst = np.where(over >= 0, np.maximum(over, 0) / np.log(10) - np.log10(1 - WORST_LEVEL), 0)
        found = np.where(tail["tail_count"][0] >= ENOUGH, by_worst, np.maximum(by_step - alone, 0))
        np.maximum(state["worst"], size.max(axis=0), out=state["worst"])
        return np.where(known & (size >= 0), found, 0).astype(np.float32)

    def _settle(self, tails: Tails, state: State, step_s: float) -> None:
        """Learn what was seen. A tail begins with a width that is likely, for all that it saw is no excess of it."""
        begins = state["tail_quantile"] <= 0
        tails.settle(state, np.full(self.count, step_s, np.float32), np.full(self.count, 1e-6, np.float32))
        begins &= state["tail_quantile"] > 0
        state["tail_excess"][begins] = FIRST_EXCESS * state["tail_quantile"][begins]

    def _tail_of_worst(self) -> State:
        """The arrays of that tail under the names that ``Tails`` gives them; they are changed in place."""
        return {name: self._state[_WORST + name] for name in self._worst.layout}

    def _lasting(self, size: Floats, elapsed: Floats) -> Floats:
        seen = (size > 0).astype(np.float32)
        total = channels.lasting(self._state, self._parameters, size, seen, seen * elapsed[:, None])
        return channels.plateau(self._state, total)


def _beyond(excess: Floats, level: float) -> Floats:
    """-log10 of the probability of an excess of ``Tails``; 0 below the quantile."""
    return np.asarray(np.where(excess >= 1, np.maximum(excess - 1, 0) / np.log(10) - np.log10(1 - level), 0))


def threshold(budget: float = 1.0) -> float:
    """The rarity that is worth a finding, where ``budget`` false ones an entity and week are accepted: that of one
    half hour among those of a week.
    """
    return float(np.log10(WEEK_S / QUIET_S / budget))


def ranked(blame: Floats) -> NDArray[np.intp]:
    """The metrics of an entity, the one to blame first, by ``Scores.blame`` [B, S] of its series over some steps."""
    return np.asarray(np.argsort(-blame.mean(axis=0), kind="stable"), dtype=np.intp)
