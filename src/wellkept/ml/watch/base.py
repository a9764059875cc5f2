"""The contract of a monitor, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.finding import Finding
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.interval import Bounds
from wellkept.ml.reference import Distribution
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.labelfeed import LabelFeed
from wellkept.store.telemetry.logged import LoggedVersion
from wellkept.store.telemetry.looks import Look
from wellkept.store.telemetry.serving import Histograms

Floats = NDArray[np.float64]
SHARPEST, FEWEST = 4, 40


@dataclass(frozen=True, slots=True)
class SkewSeen:
    """A check of served against recomputed features: when, what was allowed, of how many rows, and each one's share."""

    at: datetime
    limit: float
    rows: int
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Some of the newest predictions by time: ``at`` in seconds, and the inputs, float64[n] or n texts each."""

    at: Floats
    columns: Mapping[str, Floats | Sequence[str | None]]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """How the inputs of a live version, its labels and its versions came in.

    ``now`` is a look at its newest predictions, ``before`` one at as many that ended a window earlier (no rows: there
    were none). ``feed`` is how labels came. ``versions`` are those that predictions of the drift window named,
    ``known`` those that are registered. ``rhythm`` is int64[S], predictions of any version over the longer window that
    ends with ``rhythm_end`` (seconds since the epoch) in slices of ``rhythm_s``. ``live_since`` is when the version
    went live, ``ever`` whether the model has predicted at all since.
    """

    now: Look
    before: Look
    feed: LabelFeed
    versions: tuple[LoggedVersion, ...]
    known: frozenset[str]
    rhythm: NDArray[np.int64]
    rhythm_s: float
    rhythm_end: float
    live_since: datetime
    ever: bool


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """One live model and what it did lately.

    ``slices`` and ``rates`` (int64[S], predictions of any version) share one grid over the drift window. ``reference``
    is what the champion was trained on. ``tops`` is each feature's most common value and its share, over the newest
    rows that suffice to see a break. ``at`` (seconds since the epoch), ``scores`` and ``labels`` are float64[n] of the
    champion's predictions that are old enough for their label to be known, by time.
    """

    contract: ModelContract
    champion: ModelVersion
    reference: Mapping[str, Distribution]
    slices: Histograms
    rates: NDArray[np.int64]
    step_s: float
    tops: Mapping[str, tuple[float, float]]
    at: Floats
    scores: Floats
    labels: Floats
    bounds: Bounds | None = None
    """The intervals of the same predictions, NaN where one came without; None where the contract promises none."""

    open: Mapping[str, Finding] = field(default_factory=dict)
    skew: SkewSeen | None = None
    """What the newest check of this version found; None where there was none."""
    sample: Sample | None = None
    """Rows of the whole drift window; None where they were not read."""
    parts: Mapping[str, Histograms] = field(default_factory=dict)
    """The scores of each slice that the reference knows, by ``COLUMN=VALUE``, on the grid of ``slices``."""

    history: PerformanceHistory | None = None
    """Its performance by when predictions were made; None where that was not read."""

    seen: Seen | None = None
    """How its inputs, its labels and its versions came in; None where that was not looked at."""

    @property
    def model(self) -> str:
        return self.contract.name


@dataclass(frozen=True, slots=True)
class Said:
    """What a monitor says: what is wrong, and (by fingerprint) what it has looked at and found right.

    What is in neither it could not judge; an open finding about it stays as it is.
    """

    findings: tuple[Finding, ...] = ()
    clear: frozenset[str] = frozenset()


@runtime_checkable
class Monitor(Protocol):
    """One way of watching a live model. A pure function of what was served: no state, no clock, no randomness."""

    name: str
    """Unique; findings of this monitor carry it."""
    version: str
    """Moves with every change of behaviour."""

    def watch(self, served: Served, now: datetime) -> Said:
        """What is wrong with the model at ``now``, and what is right."""
        ...


def enough_for_a_break(min_rows: int) -> int:
    """A break is sudden: a quarter of the rows that drift needs suffice to see one."""
    return max(FEWEST, min_rows // SHARPEST)


def is_about(finding: Finding, model: str) -> bool:
    """Whether a finding is about a model or an input of it, also one that its contract does not know."""
    return finding.entity == model_id(model) or finding.entity.startswith(feature_id(model, ""))


def newest(rows: NDArray[np.int64], enough: int) -> int:
    """The slice from which on there are ``enough`` rows, the newest one possible; -1 where there are too few."""
    tail = np.cumsum(rows[::-1])
    if not len(tail) or tail[-1] < enough:
        return -1
    return len(rows) - 1 - int(np.searchsorted(tail, enough))
