"""The skew check: a sample of what a live model was asked, recomputed from the sources in a process of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import ModelContract
from wellkept.ml.data.base import Reach
from wellkept.ml.data.reader import asked_of
from wellkept.ml.data.stage import flat
from wellkept.ml.process import run_worker

PARTS = 10
"""The sample is taken from so many equal parts of the window."""


class PredictionPages(Protocol):
    """Where logged predictions are read, page by page."""

    def page(self, model: str, start: datetime, end: datetime, limit: int) -> tuple[pa.Table, datetime | None]: ...


class SkewCheck:
    """Checks one live version."""

    def __init__(self, predictions: PredictionPages, reach: Reach, timeout_s: float) -> None:
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
        pq.write_table(self._sample(contract, version, start, end), logged)
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

    def _sample(self, contract: ModelContract, version: str, start: datetime, end: datetime) -> pa.Table:
        """Answers of the version, some of each part of the window, with a column for each input."""
        limit = max(1, contract.data.skew.sample // PARTS)
        step = (end - start) / PARTS
        tables = []
        for part in range(PARTS):
            since = start + part * step
            rows, _ = self._predictions.page(contract.name, since, since + step, limit)
            rows = rows.filter(pc.equal(rows["version"], version))
            tables.append(flat(rows, contract.features).append_column("entity_key", rows["entity_key"]))
        return pa.concat_tables(tables, promote_options="permissive")
