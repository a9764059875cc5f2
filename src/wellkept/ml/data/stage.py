"""The data stage: takes a snapshot of the training data, with what was asked and what was left out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.kernel.stage import Message, Stage
from wellkept.ml.categories import texts_of
from wellkept.ml.contract import ModelContract, digest_of
from wellkept.ml.data.base import Reach
from wellkept.ml.data.datacontract import DataContractError
from wellkept.ml.data.reader import asked_of
from wellkept.ml.inputspec import Input
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

    def window(self, model: str, start: datetime, end: datetime, *, known_by: datetime) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Training data as it was: its digest, the file, the query that made it, and its manifest's digest."""

    digest: str
    path: Path
    rows: int
    start: datetime
    end: datetime
    excluded: tuple[Interval, ...]
    manifest: str
    report: Mapping[str, Any]
    """What its contract (``data.checks``) said of it."""

    @property
    def lineage(self) -> dict[str, str]:
        """What a version that comes of it says about it."""
        return {"snapshot": self.digest, "manifest": self.manifest}


class Snapshots:
    """Takes snapshots. ``reach`` is what the projects' sources may reach."""

    def __init__(self, artifacts: Artifacts, predictions: PredictionLog, reach: Reach | None = None) -> None:
        self._artifacts, self._predictions, self._reach = artifacts, predictions, reach or Reach()

    def take(
        self,
        project: Path,
        contract: ModelContract,
        span: Interval,
        excluded: Sequence[Interval],
        folder: Path,
        timeout_s: float,
    ) -> Snapshot:
        """Run the project's ``load`` over a span; without one, join the sources that its contract names.

        Raises:
            TrainingError: the project's code failed, or a source could not be read.
            InputError: there were no rows.
            DataContractError: they break the contract; nothing is kept of them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        logged, out, manifest = (folder / name for name in ("predictions.parquet", "snapshot.parquet", "manifest"))
        rows = self._predictions.window(contract.name, *span, known_by=span[1])
        pq.write_table(flat(without(rows, excluded), contract.inputs), logged)
        request = {
            **asked_of(project, contract, span, self._reach),
            "excluded": [[a.isoformat(), b.isoformat()] for a, b in excluded],
            "history": str((project / contract.data.history).resolve()) if contract.data.history else None,
            "logged": str(logged),
            "model": contract.name,
            "contract": digest_of((project / "model.yaml").read_bytes()),
            "code": digest_of((project / "model.py").read_bytes()),
            "features": list(contract.features),
            "categories": {entry.name: list(entry.values) for entry in contract.inputs if entry.is_category},
            "task": contract.task,
            "carried": list(contract.carried),
            "needs_time": contract.needs_time,
            "has_ids": contract.ranking is not None,
            "mask_key": str(self._reach.mask_key or _passing_key(folder)),
            "out": str(out),
            "manifest": str(manifest),
        }
        result = run_worker("wellkept.ml.data.worker", request, folder, timeout_s)
        if not result["rows"]:
            raise InputError(f"model {contract.name}", "load(window) returned no rows for the window")
        if not result["report"]["passed"]:
            raise DataContractError(contract.name, result["report"])
        digest, told = self._artifacts.put_bytes(out.read_bytes()), self._artifacts.put_bytes(manifest.read_bytes())
        return Snapshot(digest, out, result["rows"], *span, tuple(excluded), told, result["report"])


def _passing_key(folder: Path) -> Path:
    """A key for a run whose snapshot nobody keeps."""
    file = folder / "mask.key"
    file.write_bytes(secrets.token_hex(32).encode())
    return file


def without(rows: pa.Table, excluded: Sequence[Interval]) -> pa.Table:
    """Rows whose ``time`` lies in none of the intervals; a time without a zone is taken for UTC, as Arrow does."""
    for start, end in excluded:
        time = rows["time"].cast(MOMENT)
        inside = pc.and_(pc.greater_equal(time, pa.scalar(start, MOMENT)), pc.less_equal(time, pa.scalar(end, MOMENT)))
        rows = rows.filter(pc.invert(pc.fill_null(inside, fill_value=False)))
    return rows


def flat(rows: pa.Table, inputs: Sequence[Input]) -> pa.Table:
    """Logged predictions with a column an input in place of the maps: numbers as float64, categories as texts."""
    columns = {name: rows[name] for name in ("id", "time", "version", "score", "label", "entity_key")}
    return pa.table({**columns, **inputs_of(rows, inputs)})


def inputs_of(rows: pa.Table, inputs: Sequence[Input]) -> dict[str, pa.ChunkedArray]:
    """The inputs of logged predictions by their names."""
    return {
        entry.name: texts_of(pc.map_lookup(rows["categories"], entry.name, "first"))
        if entry.is_category
        else pc.map_lookup(rows["features"], entry.name, "first").cast(pa.float64())
        for entry in inputs
    }
