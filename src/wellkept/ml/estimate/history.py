"""The performance of a model by when its predictions were made: realised, estimated, and whether to believe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.ml.estimate.record import NO_RECORD, TrackRecord
from wellkept.ml.estimate.trend import Trend
from wellkept.ml.tasks import LOWER_IS_BETTER


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time (seconds since the epoch; ``end`` endless while it lasts) whose estimates are not to be believed.

    ``hides``: the labels of that time teach nothing either (a broken input), as against a relation that changed.
    ``disowns``: estimates of that time are not to be believed. Where only labels are wrong or missing they are: that is
    what estimates are for.
    """

    start: float
    end: float
    sentence: str
    hides: bool = True
    disowns: bool = True

    def meets(self, start: float, end: float) -> bool:
        return self.start < end and self.end > start


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a model: the metric of which task, what was promised, and the floor below that.

    ``window`` is how many cohorts make a window; with fewer than ``min_labels`` matured labels nothing is estimated.
    """

    metric: str
    task: str
    promised: float
    floor: float
    window: int
    min_labels: int

    @property
    def lower_is_better(self) -> bool:
        return self.metric in LOWER_IS_BETTER

    @property
    def scale(self) -> float:
        """What errors of the metric are measured in: 1 where it lies between 0 and 1, else what was promised."""
        return abs(self.promised) if self.metric in LOWER_IS_BETTER and self.promised else 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """An estimate as it was told when its rows were complete, None where there was none.

    ``reason``: why it is not to be believed; empty where nothing speaks against it.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def is_valid(self) -> bool:
        return self.value is not None and not self.reason


@dataclass(frozen=True, slots=True)
class CohortPerformance:
    """The predictions of [start, end): how many, how many have a label, and how good they were.

    ``share`` is the share of predictions with a label, ``expected`` the share of all its labels that has come (of the
    class that is furthest behind), as cohorts of its age have it, or as hardly a prediction is without one; None where
    nobody can say. ``value`` (with its 90 % interval) weighs each label by how many of its class are still to come;
    None where there are too few. ``is_sound``: nothing is known that was wrong with its inputs or its labels.
    """

    start: datetime
    end: datetime
    predictions: int
    labels: int
    share: float
    expected: float | None
    value: float | None
    low: float | None
    high: float | None
    estimate: Told
    is_sound: bool = True

    @property
    def is_mature(self) -> bool:
        return self.expected is not None and self.expected >= MATURE_SHARE


MATURE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The ledger for readers: the share of labels that has come by an age (seconds), by class of label.

    ``ever``: the share of predictions that get a label at all; None where no cohort is old enough.
    """

    ages_s: tuple[float, ...] = ()
    shares: Mapping[str, tuple[float, ...]] | None = None
    ever: float | None = None


@dataclass(frozen=True, slots=True)
class CohortIntervals:
    """The intervals of labelled answers of [start, end): in which share of them (``coverage``, with its 90 % interval)
    the truth lay, how wide they were on average, and their mean pinball loss.
    """

    start: datetime
    end: datetime
    labels: int
    coverage: float
    low: float
    high: float
    width: float
    pinball: float


@dataclass(frozen=True, slots=True)
class PerformanceHistory:
    """All of it, oldest cohort first.

    ``promised`` and ``floor`` are None where the version brought no such metric. ``now`` is the estimate of the newest
    window, from ``since``; ``record`` says how good such estimates were. ``trend``: None with too few cohorts.
    """

    model: str
    version: int
    metric: str
    lower_is_better: bool
    promised: float | None
    floor: float | None
    at: datetime
    step_s: float
    cohorts: Sequence[CohortPerformance] = ()
    now: Told = Told()
    since: datetime | None = None
    rows: int = 0
    """Predictions of the newest window."""
    record: TrackRecord = NO_RECORD
    trend: Trend | None = None
    arrivals: Arrivals = Arrivals()
    sampled: int = 1
    """Of so many predictions, one was looked at."""
    promised_coverage: float | None = None
    """The share of truths that are to lie inside the intervals; None where the contract promises none."""
    intervals: Sequence[CohortIntervals] = ()
    """Those cohorts that have labelled answers with intervals."""
