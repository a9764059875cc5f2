"""Blind spots: where telemetry itself is wrong, so that what it seems to say of systems means nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Evidence
from wellkept.spine.pauses import Pause
from wellkept.store.telemetry.window import Window

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
    PAUSE = "pause"
    """The platform itself was not at work."""


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
    none. ``spots``: all that is known, also what hides nothing. ``pauses``: when the platform itself was not at work;
    that nothing was heard then says nothing of anybody.
    """

    entities: Mapping[str, Cause] = field(default_factory=dict)
    metrics: Mapping[str, Cause] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    spots: tuple[Spot, ...] = ()
    pauses: tuple[Pause, ...] = ()

    @classmethod
    def of(cls, spots: Iterable[Spot], pauses: Iterable[Pause] = ()) -> Blind:
        """What is hidden by these spots and pauses."""
        known = tuple(sorted(spots, key=lambda spot: (spot.entity, spot.cause)))
        refused = frozenset(spot.entity for spot in known if spot.entity and spot.cause in REFUSED)
        return cls({spot.entity: spot.cause for spot in known if spot.hides}, {}, refused, known, tuple(pauses))

    def hides(self, entity: str, metric: str) -> bool:
        """Whether nothing is to be said of a series."""
        return entity in self.entities or metric in self.metrics


def awake(window: Window, pauses: Iterable[Pause]) -> Window:
    """A window without the steps in which the platform itself was not at work; the very same where it always was."""
    asleep = _asleep(window, pauses)
    if not asleep.any():
        return window
    kept = np.flatnonzero(~asleep)
    while len(kept) > 1 and kept[1] > kept[0] + 1:
        kept = kept[1:]  # the first two steps say how long a step is
    values = window.values[kept]
    values.flags.writeable = False
    return Window(window.times[kept], values, window.series)


def uncounted(window: Window, pauses: Iterable[Pause]) -> Window:
    """A window of what is counted, without values in such steps: that nothing was counted then is no zero."""
    asleep = _asleep(window, pauses)
    if not asleep.any():
        return window
    values = np.where(asleep[:, None], np.nan, window.values)
    values.flags.writeable = False
    return Window(window.times, values, window.series)


def _asleep(window: Window, pauses: Iterable[Pause]) -> NDArray[np.bool_]:
    asleep = np.zeros(len(window.times), dtype=bool)
    for one in pauses:
        asleep |= (window.times > one.start_s) & (window.times - window.step_s < one.end_s)
    return asleep
