"""What a version that is served elsewhere is measured against: rows that were given, or its first predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ml.contract import ModelContract
from wellkept.ml.reference import FILE, SCORE, Distribution, parse_reference
from wellkept.ml.releases import PROMISE_ERROR
from wellkept.ml.sample import TWO_SIDED_90, Sample, interval_of, value_of
from wellkept.ml.watch.rows import Columns, of_log, reference_of, written
from wellkept.spine.registry import ModelVersion
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.telemetry.logged import LoggedVersion

STATE, ROWS, SINCE, UNTIL, MEASURED = (f"reference.{name}" for name in ("state", "rows", "since", "until", "measured"))
LEARNING, GIVEN, PARTLY, LEARNED, INHERITED = "learning", "given", "inputs given", "learned", "of the version before"
TIMES = 4
"""So many times the rows of a window make a reference."""
AHEAD_S = 300.0
SEED = 3


class First(Protocol):
    """The first predictions of a version."""

    def first(
        self, model: str, version: str, start: datetime, end: datetime, limit: int, *, known_by: datetime
    ) -> pa.Table: ...


def enough(contract: ModelContract) -> int:
    """How many predictions are a reference where nobody says it."""
    return TIMES * contract.monitors.drift.min_rows


def begun(rows: int, since: datetime) -> dict[str, str]:
    """The notes of a version whose reference is to be learned from its first predictions."""
    return {STATE: LEARNING, ROWS: str(rows), SINCE: since.isoformat()}


def inherited(champion: ModelVersion) -> dict[str, str]:
    """The notes of one that is measured against the reference of the version before, until it has its own."""
    return {STATE: INHERITED} if champion.artifact else {}


def rows_of(version: ModelVersion) -> int:
    """How many predictions are, or are to be, its reference."""
    return int(version.lineage.get(ROWS, "0") or 0)


def state_of(version: ModelVersion) -> str:
    """Where its reference stands, in a word or two."""
    return version.lineage.get(STATE, LEARNING)


def since_of(version: ModelVersion) -> datetime:
    """From when on predictions of a version are its first."""
    return datetime.fromisoformat(version.lineage[SINCE]) if SINCE in version.lineage else version.created_at


def sentence(version: ModelVersion, seen: LoggedVersion | None) -> str:
    """What a version is measured against, as a person reads it."""
    state, rows = state_of(version), rows_of(version)
    if state == GIVEN:
        silent = "" if version.metrics else ", which do not tell how good it was"
        return f"measured against the {rows:,} rows that were given{silent}"
    since = f"since {version.lineage.get(SINCE, '')[:19].replace('T', ' ')} UTC"
    if state == LEARNED:
        return f"measured against its first {rows:,} predictions, {since}"
    came = seen.predictions if seen else 0
    held = "" if came < rows else "; it is learned at the next look, or when no finding about its data is open"
    so_far = f"{min(came, rows):,} of {rows:,} {since}{held}"
    if state == PARTLY:
        return (
            f"inputs are measured against the rows that were given; the scores are learned from predictions: {so_far}"
        )
    if state == INHERITED:
        return (
            f"measured against the reference of the version before, until its own first predictions suffice: {so_far}"
        )
    return f"nothing to measure against yet: drift is not judged; it is learned from the first predictions: {so_far}"


def given(version: ModelVersion, columns: Columns, contract: ModelContract, artifacts: Artifacts) -> ModelVersion:
    """The version with the reference of rows that were given, and how well it did on them where they tell."""
    found = reference_of(columns, contract.monitors.drift.window_s)
    notes = {STATE: GIVEN if SCORE in found else PARTLY}
    if SCORE in found:
        notes[ROWS] = str(len(columns.scores) if columns.scores is not None else 0)
    kept = _kept(version, found, artifacts, notes)
    return _measured(kept, columns, contract, "of the rows that were given")


class Learning:
    """Learns references from what was logged."""

    def __init__(self, artifacts: Artifacts, log: First) -> None:
        self._artifacts, self._log = artifacts, log

    def learned(
        self, contract: ModelContract, version: ModelVersion, about: Sequence[Finding], now: datetime
    ) -> ModelVersion | None:
        """The version with what it lacks, where enough was logged by now; None where there is nothing new.

        What is broken is no yardstick: nothing is learned while a finding about its data (``about``) is open. What is
        new and not broken, as a category is, has no cause: to learn it is what ends that finding.
        """
        state = state_of(version)
        if state in (LEARNING, PARTLY, INHERITED):
            if any(is_broken(finding) for finding in about):
                return None
            return self._first(contract, version, now)
        if state == LEARNED and contract.live_metric not in version.metrics:
            return self._labels(contract, version, now)
        return None

    def _first(self, contract: ModelContract, version: ModelVersion, now: datetime) -> ModelVersion | None:
        wanted = rows_of(version)
        rows = self._rows(contract, version, now)
        if rows.num_rows < wanted:
            return None
        columns = of_log(rows, contract)
        found = reference_of(columns, contract.monitors.drift.window_s)
        if state_of(version) == PARTLY:
            listing = self._artifacts.listing(version.artifact)
            found = {SCORE: found[SCORE], **parse_reference(self._artifacts.get_bytes(listing[FILE]))}
        first, last = (datetime.fromtimestamp(float(rows["at"][i].as_py()), now.tzinfo) for i in (0, rows.num_rows - 1))
        state = GIVEN if state_of(version) == PARTLY else LEARNED
        notes = {STATE: state, SINCE: first.isoformat(), UNTIL: last.isoformat()}
        return _kept(version, found, self._artifacts, notes)

    def _labels(self, contract: ModelContract, version: ModelVersion, now: datetime) -> ModelVersion | None:
        """How well it did on those first predictions, when their labels are due; looked for during one more delay."""
        if UNTIL not in version.lineage:
            return None
        due = datetime.fromisoformat(version.lineage[UNTIL]) + timedelta(seconds=contract.label.delay_s)
        patience = timedelta(seconds=contract.label.delay_s + contract.monitors.performance.window_s)
        if not due <= now <= due + patience:
            return None
        columns = of_log(self._rows(contract, version, now), contract)
        found = _measured(version, columns, contract, "of its first labelled predictions")
        return found if found.metrics != version.metrics else None

    def _rows(self, contract: ModelContract, version: ModelVersion, now: datetime) -> pa.Table:
        end = now + timedelta(seconds=AHEAD_S)
        return self._log.first(contract.name, version.logged_as, since_of(version), end, rows_of(version), known_by=now)


def is_broken(finding: Finding) -> bool:
    is_grave = finding.kind is FindingKind.DATA_QUALITY and finding.severity > Severity.INFO
    return is_grave and bool(finding.attributes.get("cause"))


def _kept(
    version: ModelVersion, found: Mapping[str, Distribution], artifacts: Artifacts, notes: Mapping[str, str]
) -> ModelVersion:
    artifact = artifacts.put_files({FILE: written(found)})
    return replace(version, artifact=artifact, lineage={**version.lineage, **notes})


def _measured(version: ModelVersion, columns: Columns, contract: ModelContract, of: str) -> ModelVersion:
    """With the contract's metric, where enough rows have score and label."""
    labels, scores = columns.labels, columns.scores
    if labels is None or scores is None:
        return version
    known = np.isfinite(labels) & np.isfinite(scores)
    if known.sum() < contract.monitors.performance.min_labels:
        return version
    return promised(version, contract.live_metric, Sample(labels[known], scores[known]), of)


def promised(version: ModelVersion, name: str, sample: Sample, of: str) -> ModelVersion:
    """With what a metric is on some rows as its promise, and its standard error; as it was where they do not tell.

    ``of`` says in words which rows these are.
    """
    value, (low, high) = value_of(name, sample), interval_of(name, sample, SEED)
    if not np.isfinite([value, low, high]).all():
        return version
    notes = {MEASURED: f"{len(sample):,} {of}", PROMISE_ERROR: f"{(high - low) / TWO_SIDED_90:.4g}"}
    metrics = {**version.metrics, name: round(value, 6)}
    return replace(version, metrics=metrics, lineage={**version.lineage, **notes})
