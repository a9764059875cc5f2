"""Series that an expression gave and nobody stored: what recording rules would have written, for trying rules out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.store.telemetry.promql.matching import Matcher, Matchers, anchored
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import NAME, Labels, Vector


@dataclass(frozen=True, slots=True)
class Recorded:
    """Metrics by name, each with the steps at which it was recorded; where it is not present, it was marked stale.

    A selector that asks for one of these by its name sees this one and nothing that is stored under it.
    """

    metrics: dict[str, tuple[Vector, Steps]] = field(default_factory=dict)

    def add(self, metric: str, vector: Vector, steps: Steps) -> None:
        """Note what was recorded; a metric that several rules make has the series of all of them.

        Raises:
            ValueError: it was noted before, at other steps.
        """
        if metric in self.metrics:
            before, known = self.metrics[metric]
            if known != steps:
                raise ValueError(f"{metric} is recorded at two rhythms")
            vector = Vector(
                [*before.labels, *vector.labels],
                np.concatenate([before.values, vector.values]),
                np.concatenate([before.present, vector.present]),
            )
        self.metrics[metric] = vector, steps

    def find(self, matchers: Matchers) -> tuple[Vector, Steps] | None:
        """What a selector sees of it; None where it names none of these metrics."""
        named = next((m.value for m in matchers if m.label == NAME and m.kind == "Equal"), "")
        if named not in self.metrics:
            return None
        vector, steps = self.metrics[named]
        kept = np.ones(len(vector.labels), dtype=bool)
        for matcher in matchers:
            kept &= _matches(matcher, vector.labels)
        return vector.rows(np.flatnonzero(kept)), steps


def seen_at(vector: Vector, inside: Steps, steps: Steps, lookback_ms: int) -> tuple[Vector, np.ndarray]:
    """The recorded series as an instant selector sees them at other steps, and when each was recorded (seconds)."""
    place = (steps.millis - inside.start_ms) // inside.step_ms
    place = np.minimum(place, inside.count - 1)
    at = inside.start_ms + place * inside.step_ms
    is_seen = (place >= 0) & (steps.millis - at < lookback_ms)
    picked = np.maximum(place, 0)
    present = vector.present[:, picked] & is_seen
    return Vector(vector.labels, vector.values[:, picked], present).seen(), at / 1000


def _matches(matcher: Matcher, labels: Sequence[Labels]) -> np.ndarray:
    values = [dict(one).get(matcher.label, "") for one in labels]
    if matcher.kind in ("Equal", "NotEqual"):
        same = np.array([value == matcher.value for value in values], dtype=bool)
    else:
        found = pc.match_substring_regex(pa.array(values, pa.string()), anchored(matcher.value))
        same = np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
    return ~same if matcher.kind.startswith("Not") else same
