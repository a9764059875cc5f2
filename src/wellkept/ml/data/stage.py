"""The data stage: takes a snapshot of the training data, with what was asked and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.kernel.stage import Message, Stage
from wellkept.ml.contract import ModelContract
from wellkept.ml.process import run_worker
from wellkept.store.artifacts.artifacts import Artifacts

STAGE = Stage(
    name="ml.data",
    consumes=frozenset({Message.PREDICTION, Message.LABEL, Message.DECISION}),
    emits=frozenset({Message.SNAPSHOT}),
    purpose="Loads the training data by the project's code and keeps it under its digest.",
)

Interval = tuple[datetime, datetime]
MOMENT = pa.timestamp("us", tz="UTC")


class PredictionLog(Protocol):
    """Where logged predictions are read."""

    def window(self, model: str, start: datetime, end: datetime) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Training data as it was: its digest, the file, and the query that made it."""

    digest: str
    path: Path
    rows: int
    start: datetime
    end: datetime
    excluded: tuple[Interval, ...]


class Snapshots:
    """Takes snapshots."""

    def __init__(self, artifacts: Artifacts, predictions: PredictionLog) -> None:
        self._artifacts, self._predictions = artifacts, predictions

    def take(
        self,
        project: Path,
        contract: ModelContract,
        span: Interval,
        excluded: Sequence[Interval],
        folder: Path,
        timeout_s: float,
    ) -> Snapshot:
        """Run the project's ``load`` over a span.

        Raises:
            TrainingError: the project's code failed.
            InputError: it returned no rows.
        """
        folder.mkdir(parents=True, exist_ok=True)
        logged, out = folder / "predictions.parquet", folder / "snapshot.parquet"
        rows = self._predictions.window(contract.name, *span)
        pq.write_table(flat(without(rows, excluded), contract.features), logged)
        request = {
            "project": str(project.resolve()),
            "start": span[0].isoformat(),
            "end": span[1].isoformat(),
            "excluded": [[a.isoformat(), b.isoformat()] for a, b in excluded],
            "history": str((project / contract.data.history).resolve()) if contract.data.history else None,
            "logged": str(logged),
            "features": list(contract.features),
            "label": contract.label.name,
            "task": contract.task,
            "carried": list(contract.carried),
            "needs_time": contract.needs_time,
            "has_ids": contract.ranking is not None,
            "out": str(out),
        }
        result = run_worker("wellkept.ml.data.worker", request, folder, timeout_s)
        if not result["rows"]:
            raise InputError(f"model {contract.name}", "load(window) returned no rows for the window")
        digest = self._artifacts.put_bytes(out.read_bytes())
        return Snapshot(digest, out, result["rows"], *span, tuple(excluded))


def without(rows: pa.Table, excluded: Sequence[Interval]) -> pa.Table:
    """Rows whose ``time`` lies in none of the intervals; a time without a zone is taken for UTC, as Arrow does."""
    for start, end in excluded:
        time = rows["time"].cast(MOMENT)
        inside = pc.and_(pc.greater_equal(time, pa.scalar(start, MOMENT)), pc.less_equal(time, pa.scalar(end, MOMENT)))
        rows = rows.filter(pc.invert(pc.fill_null(inside, fill_value=False)))
    return rows


def flat(rows: pa.Table, features: Sequence[str]) -> pa.Table:
    """Logged predictions with one float64 column a feature in place of the map."""
    columns = {name: rows[name] for name in ("id", "time", "version", "score", "label")}
    for feature in features:
        columns[feature] = pc.map_lookup(rows["features"], feature, "first").cast(pa.float64())
    return pa.table(columns)
