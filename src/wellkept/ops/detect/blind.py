"""Blind spots: where telemetry itself is wrong, so that what it seems to say of systems means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Cause(StrEnum):
    """Why nothing can be told from telemetry."""

    GAPS = "gaps"
    """Steps are missing between steps that came."""
    FROZEN = "frozen"
    """Everything stands still that used to move."""
    LATE = "late"
    """What comes, comes long after it was measured."""
    SKEW = "skew"
    """The sender's clock is wrong."""
    REPEATS = "repeats"
    """The same requests come again and again."""
    CROWDED = "crowded"
    """There are more series than are let in or can be looked at."""


@dataclass(frozen=True, slots=True)
class Blind:
    """What telemetry is wrong about now.

    ``entities``: by entity why it is blind; detectors say nothing of any of its series, and what is open stays open.
    ``metrics``: by name of a metric, of whatever entity.
    """

    entities: Mapping[str, Cause] = field(default_factory=dict)
    metrics: Mapping[str, Cause] = field(default_factory=dict)

    def hides(self, entity: str, metric: str) -> bool:
        """Whether nothing is to be said of a series."""
        return entity in self.entities or metric in self.metrics
