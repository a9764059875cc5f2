"""The contract of a detector, what it looks at, and the settings that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.change import Change
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.baseline.base import EntityScores, Scores
from wellkept.ops.detect.blind import Blind
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import Window


@dataclass(frozen=True, slots=True)
class DetectSettings:
    """Time scales and thresholds of detection. All durations are in seconds, all counts in steps."""

    step_s: float = 10.0
    """Seconds between two values of a series in a window."""
    window_s: float = 1800.0
    """How far back detectors look."""
    lag_steps: int = 1
    """Newest steps left out, because senders may still be filling them."""
    min_points: int = 30
    """No verdict about a series with fewer values than this before the newest steps (warm-up)."""
    confirm_steps: int = 3
    """How many newest values in a row must be out of the band before an anomaly is said."""
    gate: float = 5.0
    """How many usual spreads away a value must be: a gate only, the effect's size decides the rest."""
    horizon_s: float = 4 * 3600.0
    """Forecasts of exhaustion further away than this are nobody's business yet."""
    reach: float = 10.0
    """A forecast looks at most this many times as far ahead as its growth has lasted."""
    min_trend_steps: int = 24
    """The shortest growth, in steps, that is worth a forecast."""
    missing_steps: int = 6
    """Silence of a regular reporter, in steps, that is worth a finding; shorter is a restart."""
    grace_s: float = 60.0
    """After the platform itself started: no verdict about missing data for this long."""
    hold_steps: int = 5
    """A finding ends when it was not seen for this many steps."""
    late_s: float = 30.0
    """What comes so much later than its step was first looked at still counts; what comes after that does not."""
    late_spans_s: float = 120.0
    """The same of spans, which arrive when what they tell of has ended."""
    long_days: int = 14
    """Detectors that need days are shown so many, in coarse steps; 0 leaves it at the window."""
    long_step_s: float = 600.0
    """Seconds of such a step; it becomes longer where there are too many series."""
    long_every_s: float = 300.0
    """The days are read so rarely."""
    budget_per_series_week: float = 1.0
    """How many findings a series may give in a week while nothing is wrong; thresholds follow from it."""
    learn_s: float = 86_400.0
    """After a start, what is usual is learned from at most so much of what is stored, and not learned yet."""
    save_s: float = 300.0
    """What was learned is written down every so many seconds."""
    shard_index: int = 0
    """Which part of all series this detection looks at, where ``shard_count`` share the work."""
    shard_count: int = 1
    """Into how many parts the series are split; an entity is in one of them."""

    def __post_init__(self) -> None:
        rules = {
            "step_s": self.step_s > 0,
            "window_s": self.window_s >= self.step_s * (self.min_points + self.confirm_steps),
            "confirm_steps": self.confirm_steps >= 1,
            "min_points": self.min_points >= 8,
            "min_trend_steps": self.min_trend_steps >= 12,
            "missing_steps": self.missing_steps >= 2,
            "hold_steps": self.hold_steps >= 1,
            "late_s": self.late_s >= 0,
            "long_days": self.long_days >= 0,
            "long_step_s": self.long_step_s > 0 and 86_400 % self.long_step_s == 0,
            "late_spans_s": self.late_spans_s >= 0,
            "budget_per_series_week": self.budget_per_series_week > 0,
            "learn_s": self.learn_s >= 0,
            "save_s": self.save_s > 0,
            "shard_count": self.shard_count >= 1,
            "shard_index": 0 <= self.shard_index < self.shard_count,
        }
        for name, holds in rules.items():
            if not holds:
                raise InputError(f"detect.{name}", _RULES[name], getattr(self, name))

    @property
    def steps(self) -> int:
        """Steps in a window."""
        return int(self.window_s // self.step_s)


_RULES = {
    "step_s": "must be more than 0 seconds",
    "window_s": "must hold at least min_points + confirm_steps steps of step_s",
    "confirm_steps": "must be at least 1",
    "min_points": "must be at least 8",
    "min_trend_steps": "must be at least 12",
    "missing_steps": "must be at least 2",
    "hold_steps": "must be at least 1",
    "late_s": "must be at least 0 seconds",
    "long_days": "must be at least 0",
    "long_step_s": "must go into a day a whole number of times",
    "late_spans_s": "must be at least 0 seconds",
    "budget_per_series_week": "must be more than 0",
    "learn_s": "must be at least 0 seconds",
    "save_s": "must be more than 0 seconds",
    "shard_count": "must be at least 1",
    "shard_index": "must be at least 0 and below shard_count",
}


def check_above_zero(detector: str, parameters: Any) -> None:
    """That every parameter (a dataclass) of a detector is more than 0.

    Raises:
        InputError: one is not.
    """
    for one in fields(parameters):
        if getattr(parameters, one.name) <= 0:
            raise InputError(f"{detector}.{one.name}", "must be more than 0", getattr(parameters, one.name))


@dataclass(frozen=True, slots=True)
class View:
    """Everything that detectors look at in one tick, already reduced to steps by the store.

    The four windows share one grid of ``times`` (seconds since the epoch, the end of each step, evenly
    ``step_s`` apart) and hold NaN where nothing was measured. ``open`` are the findings that are open now, by
    fingerprint: a detector keeps judging an open finding by the band that it was opened with, so that trouble that
    lasts does not become the new normal. ``long``: days of the same metrics in coarse steps, where they are kept; its
    newest step may be some minutes old. ``blind``: what telemetry itself is wrong about, which detectors say nothing
    of. ``scores``: what the baseline says of the newest steps, by the name of the
    window (``metrics``, ``red``, ``exclusive``, ``logs``); arrays [K, S] for its last K steps and its S series. Empty
    where no baseline is kept. ``thresholds``: the least score [S] of the same series that is worth a word; it follows
    from the budget of false alarms and from feedback. ``endpoints``, ``calls``: what services answered by endpoint, and
    their calls to each other (``Spans.endpoints``, ``Spans.calls``), where there are spans. ``deploys``: the last
    deploy of an entity, for some hours. ``entities``: what the baseline says of entities with several metrics.
    """

    metrics: Window
    red: Window
    exclusive: Window
    logs: Window
    step_s: float
    graph: Graph
    open: Mapping[str, Finding] = field(default_factory=dict)
    long: Window | None = None
    blind: Blind = field(default_factory=Blind)
    scores: Mapping[str, Scores] = field(default_factory=dict)
    thresholds: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    deploys: Mapping[str, Change] = field(default_factory=dict)
    entities: EntityScores | None = None
    endpoints: Window | None = None
    calls: Window | None = None
    patterns: Window | None = None
    """Lines of log patterns on the same grid (``ops/detect/patterns/series.py`` says what its series are)."""


@runtime_checkable
class Detector(Protocol):
    """One way of being suspicious.

    A detector is a pure function of the view: it keeps no state, does not change what it is given, does not depend
    on the order of the series, and gives no verdict about what it has seen too little of. The suite in
    ``wellkept.checks.detectors`` holds every detector to that.
    """

    name: str
    """Unique; findings of this detector carry it."""
    version: str
    """Moves with every change of behaviour."""

    # What follows may be left out. ``every_steps``: it is asked at every so-manieth step only, and what it said counts
    # in between: for what needs long to change, and takes long to look for. ``by_threshold``: it goes by
    # ``view.thresholds``, which feedback moves. ``parameters``: a dataclass; ``shared``: the settings that it follows.
    # ``finds``, ``kinds``: what it finds in a few words, and the kinds of its findings.

    def detect(self, view: View, now: datetime) -> Sequence[Finding]:
        """The suspicions at ``now``, ordered by fingerprint. Bounded by the number of series."""
        ...
