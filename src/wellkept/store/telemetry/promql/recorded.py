"""Series that an expression gave and nobody stored: what recording rules would have written, for trying rules out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.matching import Matchers, is_matched, metric_of
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Flags, Numbers, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Series at the steps at which they were recorded. ``ended``: where one was marked stale; elsewhere a value that is
    not present is a gap, across which the last one is still seen.
    """

    vector: Vector
    steps: Steps
    ended: Flags

    def rows(self, chosen: NDArray[np.intp]) -> Held:
        return Held(self.vector.rows(chosen), self.steps, self.ended[chosen])


@dataclass(frozen=True, slots=True)
class Recorded:
    """Metrics by name. A selector that asks for one of these by its name sees nothing that is stored under it."""

    metrics: dict[str, Held] = field(default_factory=dict)

    def add(self, metric: str, vector: Vector, steps: Steps, ended: Flags | None = None) -> None:
        """Note what was recorded; a metric that several rules make has the series of all of them.

        ``ended`` None: what is not present was marked stale, as rules mark it.

        Raises:
            ValueError: it was noted before, at other steps.
        """
        ended = ~vector.present if ended is None else ended
        if metric in self.metrics:
            before = self.metrics[metric]
            if before.steps != steps:
                raise ValueError(f"{metric} is recorded at two rhythms")
            vector = Vector(
                [*before.vector.labels, *vector.labels],
                np.concatenate([before.vector.values, vector.values]),
                np.concatenate([before.vector.present, vector.present]),
            )
            ended = np.concatenate([before.ended, ended])
        self.metrics[metric] = Held(vector, steps, ended)

    def find(self, matchers: Matchers) -> Held | None:
        """What a selector sees of it; None where it names none of these metrics."""
        if (named := metric_of(matchers)) not in self.metrics:
            return None
        held = self.metrics[named]
        return held.rows(np.flatnonzero(is_matched(matchers, held.vector.labels)))


def seen_at(held: Held, steps: Steps, lookback_ms: int) -> tuple[Vector, Numbers]:
    """The series as an instant selector sees them at other steps, and when each value was recorded (seconds)."""
    inside, vector = held.steps, held.vector
    place = np.clip((steps.millis - inside.start_ms) // inside.step_ms, -1, inside.count - 1)
    told = np.where(vector.present | held.ended, np.arange(inside.count), -1)
    last = np.maximum.accumulate(told, axis=1)[:, np.maximum(place, 0)]
    picked = np.maximum(last, 0)
    at = inside.start_ms + picked * inside.step_ms
    is_seen = (last >= 0) & (place >= 0) & (steps.millis - at < lookback_ms)
    present = np.take_along_axis(vector.present, picked, axis=1) & is_seen
    values = np.take_along_axis(vector.values, picked, axis=1)
    return Vector(vector.labels, values, present), np.asarray(at / 1000, dtype=np.float64)
