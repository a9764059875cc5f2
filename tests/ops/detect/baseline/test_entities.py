"""Entities that are young: several metrics that move together are found in the first days, and noise is not."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.ops.detect.baseline.engine import Baseline
from wellkept.ops.detect.baseline.entities import QUIET_S, Entities, Grouping

ENTITIES, METRICS, STEP_S, BEGIN = 20, 8, 60.0, 1_700_000_000.0
Floats = NDArray[np.float64]


class Watched:
    """Entities with noise of spread 1, which the time of day moves."""

    def __init__(self, kind: str, daily: float) -> None:
        self._random = np.random.default_rng(3)
        self._kind, self._daily, self._step = kind, daily, 0
        self._baseline, self._entities = Baseline(ENTITIES * METRICS), Entities(ENTITIES)
        self._grouping = Grouping(np.repeat(np.arange(ENTITIES), METRICS), ENTITIES)

    def goes_on(self, hours: float, more: float = 0.0) -> NDArray[np.bool_]:
        """Where (step, entity) a threshold is reached; ``more`` is added to six metrics of each."""
        count = round(hours * 3600 / STEP_S)
        times: Floats = (BEGIN + STEP_S * (self._step + 1 + np.arange(count))).astype(np.float64)
        moved = np.where(np.arange(ENTITIES * METRICS) % METRICS < 6, more, 0.0)
        rhythm = self._daily * np.sin(times / 86_400 * 2 * np.pi)
        values: Floats = (20 + self._noise(count) + rhythm[:, None] + moved).astype(np.float64)
        self._step += count
        standard = self._baseline.advance(times, values).standard
        assert standard is not None
        threshold, found = self._entities.thresholds(), self._entities.advance(self._grouping.together(standard), times)
        return np.asarray((found.rarity >= threshold) & self._entities.ready)

    def _noise(self, count: int) -> Floats:
        drawn = self._random.standard_normal((count, ENTITIES * METRICS))
        if self._kind == "normal":
            return drawn
        spread = np.sqrt(np.expm1(0.25) * np.exp(0.25))
        return np.asarray((np.exp(0.5 * drawn) - np.exp(0.125)) / spread)


def alarms(over: NDArray[np.bool_]) -> int:
    """How many times something was told: within half an hour is one."""
    rest = round(QUIET_S / STEP_S)
    count = 0
    for column in over.T:
        steps = np.flatnonzero(column)
        count += int(len(steps) > 0) + int((np.diff(steps) > rest).sum())
    return count


@pytest.mark.parametrize(("kind", "daily"), [("normal", 0.0), ("normal", 4.0), ("lognormal", 0.0)])
def test_six_metrics_that_move_together_are_found_on_the_second_day(kind: str, daily: float) -> None:
    watched = Watched(kind, daily)
    before = sum(alarms(watched.goes_on(6)) for _ in range(6))
    found = copy.deepcopy(watched).goes_on(1 / 6, more=6.0).any(axis=0)
    assert found.mean() >= 0.7
    assert before <= ENTITIES * 36 / 168, "one an entity and week is what is accepted"
