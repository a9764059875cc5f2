"""The skew check: a sample of what a live model was asked, recomputed from the sources in a process of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import ModelContract
from wellkept.ml.data.base import Reach
from wellkept.ml.data.reader import asked_of
from wellkept.ml.data.stage import inputs_of
from wellkept.ml.process import run_worker


class PredictionSample(Protocol):
    """Where logged predictions are drawn from."""

    def sample(self, model: str, version: str, start: datetime, end: datetime, limit: int) -> pa.Table: ...


class SkewCheck:
    """Checks one live version."""

    def __init__(self, predictions: PredictionSample, reach: Reach, timeout_s: float) -> None:
        self._predictions, self._reach, self._timeout_s = predictions, reach, timeout_s

    def check(
        self, project: Path, contract: ModelContract, version: str, end: datetime, folder: Path
    ) -> dict[str, Any]:
        """The report (see :func:`wellkept.ml.data.skew.skew_report`), with the window that it is of.

        Args:
            project: where its sources' files lie.
            contract: what the version was trained by.
            version: its digest; answers of other versions do not count.
            end: of the window; ``data.skew.window_s`` of the contract is its length.
            folder: where the worker's files are written.

        Raises:
            InputError: the contract has no sources to recompute features from.
            TrainingError: a source could not be read.
        """
        data = contract.data
        if data.entity is None or not data.features:
            raise InputError(f"model {contract.name}", "has no joined sources (data.entity) to recompute features from")
        start = end - timedelta(seconds=data.skew.window_s)
        folder.mkdir(parents=True, exist_ok=True)
        logged = folder / "logged.parquet"
        rows = self._predictions.sample(contract.name, version, start, end, data.skew.sample)
        columns = inputs_of(rows, contract.inputs)
        pq.write_table(pa.table({**{name: rows[name] for name in ("id", "time", "entity_key")}, **columns}), logged)
        request = {
            **asked_of(project, contract, (start, end), self._reach),
            "logged": str(logged),
            "defaults": {entry.name: getattr(entry, "default", None) for entry in contract.inputs},
        }
        report = run_worker("wellkept.ml.data.skewed", request, folder, self._timeout_s)
        logged.unlink()
        return {
            "model": contract.name,
            "version": version,
            "start": start.isoformat(),
            "end": end.isoformat(),
            **report,
        }
