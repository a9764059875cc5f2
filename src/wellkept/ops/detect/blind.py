"""Blind spots: where telemetry itself is wrong, so that what it seems to say of systems means nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wellkept.kernel.finding import Evidence

DETECTOR = "blind"
"""The detector that says what is found here: its open findings tell what goes on."""


class Cause(StrEnum):
    """Why nothing can be told from telemetry."""

    GAPS = "gaps"
    """Steps are missing between steps that came."""
    FROZEN = "frozen"
    """Everything stands still that used to move."""
    PARTLY = "partly silent"
    """Most series of something that still speaks do not come any more."""
    GONE = "metric gone"
    """A metric does not come any more, and others of the same sender do."""
    SKEW = "clock skew"
    """A sender's clock is ahead."""
    LATE = "late data"
    """What comes is refused, because it is too old."""
    REPEATS = "duplicates"
    """The same requests come again and again."""
    CROWDED = "cardinality"
    """There are more series than are let in."""


HIDING = frozenset({Cause.GAPS, Cause.FROZEN})
"""Causes for which nothing at all is said of an entity."""
REFUSED = frozenset({Cause.LATE, Cause.CROWDED})
"""Causes for which the silence of an entity is no silence: it speaks, and is not let in."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One blind spot: of an entity, or of the platform as a whole where there is none.

    ``since_s``: seconds since the epoch; ``what``: the sentence after its subject; ``share``: how much is hidden, in
    [0, 1]; ``is_loss``: whether data is lost by it; ``detail`` tells spots of one cause apart; ``is_far``: of a clock,
    so far off that what is looked at is not what is now; ``series``: how many it is about; ``evidence``: the series or
    metrics that it is about (some of them), by which it is known again when the window has moved on.
    """

    entity: str
    cause: Cause
    since_s: float
    what: str
    share: float = 1.0
    is_loss: bool = False
    detail: str = ""
    is_far: bool = False
    series: int = 0
    evidence: tuple[Evidence, ...] = ()

    @property
    def hides(self) -> bool:
        """Whether nothing at all is said of its entity."""
        return bool(self.entity) and (self.cause in HIDING or self.is_far)


@dataclass(frozen=True, slots=True)
class Blind:
    """What telemetry is wrong about now.

    ``entities``: by entity why it is blind; detectors say nothing of any of its series, and what is open stays open.
    ``metrics``: by name of a metric, of whatever entity. ``refused``: of these not all is let in, so their silence is
    none. ``spots``: all that is known, also what hides nothing.
    """

    entities: Mapping[str, Cause] = field(default_factory=dict)
    metrics: Mapping[str, Cause] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    spots: tuple[Spot, ...] = ()

    @classmethod
    def of(cls, spots: Iterable[Spot]) -> Blind:
        """What is hidden by these spots."""
        known = tuple(sorted(spots, key=lambda spot: (spot.entity, spot.cause)))
        refused = frozenset(spot.entity for spot in known if spot.entity and spot.cause in REFUSED)
        return cls({spot.entity: spot.cause for spot in known if spot.hides}, {}, refused, known)

    def hides(self, entity: str, metric: str) -> bool:
        """Whether nothing is to be said of a series."""
        return entity in self.entities or metric in self.metrics
