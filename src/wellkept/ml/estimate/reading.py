"""Reads the performance history of a live version from the store; what was told once is remembered, not read again."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.cohorts import MOST_CLASSES, Array, Cohorts, Counted, Frame, ages_for, gather, score_edges
from wellkept.ml.estimate.history import CohortIntervals, PerformanceHistory, Trouble, Wanted
from wellkept.ml.estimate.inputs import FEWEST, broken, is_lasting, without_habits
from wellkept.ml.estimate.telling import Remembered, Teller
from wellkept.ml.interval import binomial
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.tasks import LOWER_IS_BETTER, TWO_CLASSES
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.labels import Asked
from wellkept.store.telemetry.serving import Histograms

WINDOW = 4
"""Cohorts in a window of the contract's ``monitors.performance.window_s``."""
WINDOWS = 24
"""Windows that are looked back on, beside the delay of the labels."""
MOST_COHORTS = 240
FRESH = 8
"""A history is as good as new for this part of a cohort."""
VERSIONS = 64
HARMLESS = frozenset({"duplicates", "unknown_version", "new_input"})
"""Causes that leave what the model is asked, and what it answers, as they should be."""
KINDS = {**dict.fromkeys(TWO_CLASSES, "positive"), "multiclass_classification": "class"}


class Labels(Protocol):
    """Counts of predictions and their labels."""

    def share_of(self, model: str, grid: Grid) -> int: ...

    def scores(self, asked: Asked, one_in: int) -> pa.Table: ...

    def arrivals(self, asked: Asked, edges: Sequence[float], one_in: int) -> pa.Table: ...

    def intervals(self, asked: Asked, share: float, one_in: int) -> pa.Table: ...


class Inputs(Protocol):
    """Counts of inputs in bins."""

    def histograms(
        self, model: str, version: str, grid: Grid, edges: Mapping[str, Sequence[float] | Sequence[str]]
    ) -> Histograms: ...


class Histories:
    """Tells how good live versions are. Keeps what it told of past cohorts, and nothing that cannot be told again.

    May be called from several threads: one tells, the others wait, and mostly find it told.
    """

    def __init__(self, labels: Labels, inputs: Inputs) -> None:
        self._labels, self._inputs = labels, inputs
        self._lock = threading.Lock()
        self._remembered: dict[str, Remembered] = {}
        self._told: dict[str, tuple[object, PerformanceHistory]] = {}

    def of(
        self,
        contract: ModelContract,
        version: ModelVersion,
        reference: Mapping[str, Distribution],
        findings: Iterable[Finding],
        now: datetime,
    ) -> PerformanceHistory:
        """The history of a version at a moment; ``findings`` are those about the model and its inputs, ended ones too.

        One with too few predictions to judge by is read anew whenever it is asked for: somebody has just begun.

        Raises:
            StoreError: the engine failed.
        """
        wanted = wanted_of(contract, version)
        step_s = contract.monitors.performance.window_s / WINDOW
        troubles = troubles_of(findings, contract.label.delay_s)
        key = (now.timestamp() // (step_s / FRESH), tuple(troubles), wanted)
        with self._lock:
            last = self._told.get(version.digest)
            if last is not None and last[0] == key:
                return last[1]
            found = self._read(contract, version, reference, wanted, troubles, now)
            if sum(one.predictions for one in found.cohorts) >= wanted.min_labels:
                self._told = {version.digest: (key, found), **dict(list(self._told.items())[: VERSIONS - 1])}
            return found

    def _read(
        self,
        contract: ModelContract,
        version: ModelVersion,
        reference: Mapping[str, Distribution],
        wanted: Wanted,
        troubles: Sequence[Trouble],
        now: datetime,
    ) -> PerformanceHistory:
        grid = grid_of(contract, now)
        asked = _asked(contract, version, grid, now)
        remembered = self._remembered.setdefault(version.digest, Remembered())
        while len(self._remembered) > VERSIONS:
            self._remembered.pop(next(iter(self._remembered)))
        one_in = self._labels.share_of(contract.name, grid)
        cohorts = self._cohorts(contract, asked, one_in, now)
        self._look_at_inputs(asked, reference, cohorts, remembered)
        told = Teller(cohorts, wanted, troubles, remembered).history(contract.name, version.number)
        share = contract.output.interval
        covered = _intervals(self._labels.intervals(asked, share, one_in), grid) if share is not None else ()
        return replace(told, sampled=one_in, promised_coverage=share, intervals=covered)

    def _cohorts(self, contract: ModelContract, asked: Asked, one_in: int, now: datetime) -> Cohorts:
        edges: Array = np.empty(0)
        if asked.kind != "class":
            drawn = self._labels.scores(asked, one_in)
            score = drawn["score"].to_numpy().astype(np.float64)
            positive = drawn["positive"].to_numpy(zero_copy_only=False).astype(bool)
            edges = score_edges(score if positive.all() else score[~positive], score[positive])
        rows = self._labels.arrivals(asked, edges.tolist(), one_in)
        counted = _counted(rows)
        starts = asked.grid.times - asked.grid.step_s
        named = 1 + int(max(counted.place.max(initial=1), counted.label.max(initial=1)))
        frame = Frame(starts, asked.grid.step_s, np.asarray(asked.ages), edges, contract.task, now.timestamp(), named)
        return gather(counted, frame)

    def _look_at_inputs(
        self, asked: Asked, reference: Mapping[str, Distribution], cohorts: Cohorts, remembered: Remembered
    ) -> None:
        """Which cohorts were asked with broken inputs; those that are over are looked at once."""
        made = cohorts.own.made.sum(axis=1)
        fresh = [
            k
            for k, start in enumerate(cohorts.starts.tolist())
            if made[k] >= FEWEST and (start not in remembered.seen or cohorts.ends[k] > cohorts.now)
        ]
        columns = {
            name: entry
            for name, entry in reference.items()
            if name != SCORE and len(entry.counts) > 1 and (entry.edges or entry.categories)
        }
        if not fresh or not columns:
            return
        first = max(0, fresh[0] - WINDOW + 1)
        start, end = (datetime.fromtimestamp(float(at), UTC) for at in (cohorts.starts[first], cohorts.ends[-1]))
        grid = Grid.of(start, end, asked.grid.step_s)
        cuts = {name: entry.categories or entry.edges for name, entry in columns.items()}
        counts = self._inputs.histograms(asked.model, asked.version, grid, cuts)
        for k in fresh:
            remembered.seen[float(cohorts.starts[k])] = _odd(counts, columns, k - first)
        oldest = float(cohorts.starts[0])
        remembered.seen = {at: said for at, said in remembered.seen.items() if at >= oldest}
        remembered.broken = without_habits(remembered.seen)


def _odd(counts: Histograms, columns: Mapping[str, Distribution], slice_: int) -> dict[str, str]:
    """The columns that are broken in a slice, and in the window that ends with it."""
    now = {name: counts.bins[name][slice_] for name in columns}
    nulls = {name: int(counts.nulls[name][slice_]) for name in columns}
    window = slice(max(0, slice_ - WINDOW + 1), slice_ + 1)
    return {
        name: why
        for name, why in broken(now, nulls, columns).items()
        if is_lasting(counts.bins[name][window].sum(axis=0), int(counts.nulls[name][window].sum()), columns[name])
    }


def wanted_of(contract: ModelContract, version: ModelVersion) -> Wanted:
    """What is asked of a version: its contract's live metric, and no worse than its gate promised less the drop."""
    name, limits = contract.live_metric, contract.monitors.performance
    promised = version.metrics.get(name, float("nan"))
    sign = 1.0 if name in LOWER_IS_BETTER else -1.0
    floor = promised + sign * limits.drop if limits.floor is None else limits.floor
    return Wanted(name, contract.task, promised, floor, WINDOW, limits.min_labels)


def grid_of(contract: ModelContract, now: datetime) -> Grid:
    """The cohorts up to now; the newest is not over yet."""
    step_s = contract.monitors.performance.window_s / WINDOW
    count = min(MOST_COHORTS, WINDOW * WINDOWS + math.ceil(contract.label.delay_s / step_s))
    end = math.ceil(now.timestamp() / step_s) * step_s
    return Grid(round((end - count * step_s) * 1000), round(end * 1000), round(step_s * 1000))


def troubles_of(findings: Iterable[Finding], delay_s: float) -> list[Trouble]:
    """When estimates or labels are not to be believed: broken inputs, a relation that changed, broken labels.

    Labels that were broken at some time are those of predictions made since ``delay_s`` before.
    """
    found = []
    for finding in findings:
        cause = finding.attributes.get("cause", "")
        is_broken = finding.kind is FindingKind.DATA_QUALITY and finding.severity >= Severity.WARNING
        is_concept = finding.kind is FindingKind.DRIFT and finding.detector == "concept"
        if not (is_broken or is_concept) or cause in HARMLESS:
            continue
        of_labels = cause.startswith("label")
        start = finding.starts_at.timestamp() - (delay_s if of_labels else 0.0)
        end = finding.ends_at.timestamp() if finding.ends_at is not None else math.inf
        found.append(Trouble(start, end, finding.sentence, hides=is_broken, disowns=not of_labels))
    return sorted(found, key=lambda trouble: (trouble.start, trouble.sentence))


def _asked(contract: ModelContract, version: ModelVersion, grid: Grid, now: datetime) -> Asked:
    ages = ages_for(contract.label.delay_s, grid.step_s)
    kind = KINDS.get(contract.task, "number")
    return Asked(contract.name, version.logged_as, grid, ages.tolist(), kind, MOST_CLASSES, now)


def _intervals(rows: pa.Table, grid: Grid) -> tuple[CohortIntervals, ...]:
    """The cohorts of a grid that have labelled intervals."""
    found = []
    for one in rows.to_pylist():
        start = datetime.fromtimestamp((grid.start_ms + one["cohort"] * grid.step_ms) / 1000, UTC)
        count, (low, high) = one["labelled"], binomial(one["inside"], one["labelled"])
        share, width, loss = (one[name] / count for name in ("inside", "width", "pinball"))
        found.append(
            CohortIntervals(start, start + timedelta(milliseconds=grid.step_ms), count, share, low, high, width, loss)
        )
    return tuple(found)


def _counted(rows: pa.Table) -> Counted:
    whole = {name: rows[name].to_numpy().astype(np.int64) for name in ("cohort", "kind", "place", "label", "age")}
    sums = {name: rows[name].to_numpy().astype(np.float64) for name in ("rows", "scores")}
    losses = [rows[name].to_numpy().astype(np.float64) for name in ("error", "squared", "fourth", "truth")]
    return Counted(**whole, rows=sums["rows"], sums=sums["scores"], losses=np.stack(losses, axis=1))
