"""What is learned of entities: how unlike itself each is in several metrics at once, from the scores of its series."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.baseline import Parameters
from wellkept.ops.detect.baseline.base import EntityScores
from wellkept.ops.detect.baseline.entities import TOP, Entities, Grouping
from wellkept.store.telemetry.window import SeriesInfo

DETECTOR = "entity"
"""The detector that goes by these scores: feedback on its findings moves their thresholds."""
MOST_ENTITIES = 50_000
"""Of more entities than this, those that came first are judged."""
MOST_METRICS = 256
"""Of an entity with more metrics than this, the first by name count."""
KEPT_STEPS = 6
"""What was said of so many newest steps is kept for detectors."""

Floats = NDArray[np.float32]
Series = tuple[SeriesInfo, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How columns of windows laid side by side become entities: ``columns`` in the order of ``starts``, of which each
    is one metric of an entity; ``slots``: where the entities of ``grouping``, whose ``names`` these are, are kept.
    """

    of: tuple[Series, ...]
    names: tuple[str, ...]
    columns: NDArray[np.intp]
    starts: NDArray[np.intp]
    grouping: Grouping
    slots: NDArray[np.intp]


class EntityMemory:
    """The scores of all entities with at least ``TOP`` metrics of different names, whichever windows those are in.

    Of a metric with several series (a disk each, a processor each) the worst counts. Steps are given once and in order.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._entities = Entities(0, parameters)
        self._slots: dict[str, int] = {}
        self._seen: NDArray[np.float64] = np.empty(0)
        self._size = self._rarity = np.empty((0, 0), np.float32)
        self._plan: _Plan | None = None

    @property
    def count(self) -> int:
        return self._entities.count

    def learn(self, series: tuple[Series, ...], standard: Sequence[Floats], times: NDArray[np.float64]) -> None:
        """Take in new steps. ``standard``: [B, S] of each window, in the order of its ``series``; ``times``: [B]."""
        plan = self._planned(series)
        size = np.zeros((len(times), self.count), np.float32)
        if len(plan.columns):
            side_by_side = np.concatenate(standard, axis=1)[:, plan.columns]
            metrics = np.maximum.reduceat(side_by_side, plan.starts, axis=1)
            size[:, plan.slots] = plan.grouping.together(metrics)
        said = self._entities.advance(size, times)
        self._seen[plan.slots] = times[-1]
        self._size, self._rarity = self._kept(self._size, said.size), self._kept(self._rarity, said.rarity)

    def scores(self, series: tuple[Series, ...], budget: float) -> EntityScores:
        """What is said of the newest steps of the entities of these windows."""
        plan = self._planned(series)
        slots = plan.slots
        return EntityScores(
            names=plan.names,
            size=self._widened(self._size)[:, slots],
            rarity=self._widened(self._rarity)[:, slots],
            ready=self._entities.ready[slots],
            threshold=self._entities.thresholds(budget)[slots],
        )

    def forget(self, unseen: float, unknown: float) -> None:
        """Let go of those not seen since a moment, and of those hardly known since a later one: seconds, both."""
        kept = np.flatnonzero(self._seen >= np.where(self._entities.ready, unseen, unknown))
        if len(kept) == self.count:
            return
        self._size, self._rarity = (self._widened(rows)[:, kept] for rows in (self._size, self._rarity))
        self._entities.keep(kept)
        names = list(self._slots)
        self._slots = {names[slot]: new for new, slot in enumerate(kept.tolist())}
        self._seen, self._plan = self._seen[kept], None

    def saved(self) -> dict[str, NDArray[Any]]:
        names = np.frombuffer(json.dumps(list(self._slots)).encode(), np.uint8)
        said = {"size": self._widened(self._size), "rarity": self._widened(self._rarity)}
        state = {f"state.{key}": array for key, array in self._entities.save().items()}
        return {"names": names, "seen": self._seen, **said, **state}

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what ``saved`` gave. Raises InputError, KeyError or ValueError where it is something else."""
        names = [str(name) for name in json.loads(saved["names"].tobytes())]
        entities = Entities(0, self._parameters)
        entities.restore({key.partition(".")[2]: array for key, array in saved.items() if key.startswith("state.")})
        if not entities.count == len(names) == len(set(names)) == len(saved["seen"]) == saved["size"].shape[1]:
            raise ValueError("a checkpoint must hold one column an entity")
        self._entities, self._plan = entities, None
        self._slots = {name: slot for slot, name in enumerate(names)}
        self._seen, self._size, self._rarity = saved["seen"], saved["size"], saved["rarity"]

    def _planned(self, series: tuple[Series, ...]) -> _Plan:
        """Which columns are whose; entities that are new are let in."""
        plan = self._plan
        if plan is None or len(plan.of) != len(series) or any(a is not b for a, b in zip(plan.of, series, strict=True)):
            plan = self._plan = self._made(series)
        return plan

    def _made(self, series: tuple[Series, ...]) -> _Plan:
        found: dict[str, dict[str, list[int]]] = {}
        for column, info in enumerate(info for part in series for info in part):
            if info.entity:
                found.setdefault(info.entity, {}).setdefault(info.name, []).append(column)
        several = {entity: metrics for entity, metrics in found.items() if len(metrics) >= TOP}
        new = sorted(entity for entity in several if entity not in self._slots)
        new = new[: max(0, MOST_ENTITIES - self.count)]
        if new:
            self._slots |= {entity: self.count + more for more, entity in enumerate(new)}
            self._entities.grow(len(new))
            self._seen = np.concatenate((self._seen, np.zeros(len(new))))
        judged = [entity for entity in several if entity in self._slots]
        metrics = [[several[entity][name] for name in sorted(several[entity])[:MOST_METRICS]] for entity in judged]
        sizes = [len(columns) for of_entity in metrics for columns in of_entity]
        owners = np.repeat(np.arange(len(judged)), [len(of_entity) for of_entity in metrics])
        return _Plan(
            series,
            tuple(judged),
            np.array([c for of_entity in metrics for columns in of_entity for c in columns], np.intp),
            (np.cumsum([0, *sizes])[:-1]).astype(np.intp),
            Grouping(owners.astype(np.intp), len(judged)),
            np.array([self._slots[entity] for entity in judged], np.intp),
        )

    def _kept(self, old: Floats, new: Floats) -> Floats:
        """The newest steps of both."""
        room = max(0, KEPT_STEPS - len(new))
        return np.concatenate((self._widened(old)[len(old) - min(room, len(old)) :], new[-KEPT_STEPS:]))

    def _widened(self, rows: Floats) -> Floats:
        """Of entities that came since nothing was said."""
        return np.pad(rows, ((0, 0), (0, self.count - rows.shape[1])))
