"""Tiny model projects, and everything that a training needs around it: real worker processes, a store of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.store.fixtures import state_in

from wellkept.app.pipeline import Pipeline
from wellkept.app.training import TrainingRuns
from wellkept.app.trainingrecord import Record
from wellkept.kernel.change import Change
from wellkept.kernel.clock import SettableClock
from wellkept.ml.data.stage import Snapshots
from wellkept.ml.oversight import Limits
from wellkept.ml.train.executors.local import Local
from wellkept.spine.audit import Audit
from wellkept.spine.registry import Job, ModelVersion, Registry
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.artifacts.artifacts import Artifacts

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}, {name: risk}]
output: {threshold: 0.5}
metrics: {primary: roc_auc, others: [average_precision]}
gates: [{metric: roc_auc, at_least: 0.7}]
retrain: {window_s: 3600}
"""
LOAD = """
    from datetime import UTC, datetime, timedelta

    import numpy as np
    import pyarrow as pa


    def load(window):
        random = np.random.default_rng(3)
        amount, risk = random.random(400), random.random(400)
        chance = 1 / (1 + np.exp(-12 * (risk - 0.5)))
        time = [window.start + n * (window.end - window.start) / 400 for n in range(400)]
        label = (random.random(400) < chance).astype(float)
        return pa.table({"time": time, "amount": amount, "risk": risk, "label": label})


    def matrix(frame):
        return np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
"""
LOGISTIC = """

    def train(frame):
        from sklearn.linear_model import LogisticRegression
        return LogisticRegression().fit(matrix(frame), frame["label"].to_numpy())
"""
LIGHTGBM = """

    def train(frame):
        import lightgbm
        model = lightgbm.LGBMClassifier(n_estimators=8, num_leaves=4, num_threads=1, verbose=-1)
        return model.fit(matrix(frame), frame["label"].to_numpy())
"""


def project(folder: Path, code: str = LOAD + LOGISTIC, contract: str = CONTRACT) -> Path:
    """Write a model project."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("model.py").write_text(textwrap.dedent(code), encoding="utf-8")
    folder.joinpath("model.yaml").write_text(contract, encoding="utf-8")
    return folder


def logged(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Logged predictions as the store reads them; ``rows`` name what is not nothing."""
    columns = {
        "id": pa.array([str(index) for index in range(len(rows))], pa.string()),
        "time": pa.array([row["time"] for row in rows], pa.timestamp("ms", tz="UTC")),
        "version": pa.array(["v"] * len(rows), pa.string()),
        "score": pa.array([row.get("score", 0.0) for row in rows], pa.float64()),
        "entity_key": pa.array([row.get("entity_key", "") for row in rows], pa.string()),
        "label": pa.array([row.get("label") for row in rows], pa.float64()),
        "features": pa.array(
            [list(row.get("features", {}).items()) for row in rows], pa.map_(pa.string(), pa.float64())
        ),
        "categories": pa.array(
            [list(row.get("categories", {}).items()) for row in rows], pa.map_(pa.string(), pa.string())
        ),
    }
    return pa.table(columns)


@dataclass
class Shelf:
    """Stands for the prediction store: gives what a test put in, and remembers what was asked."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    known_by: datetime | None = None

    def window(self, model: str, start: datetime, end: datetime, *, known_by: datetime) -> pa.Table:
        self.asked.append((model, start, end))
        self.known_by = known_by
        return logged(self.rows)


class Changes:
    """Stands for the log of changes."""

    def __init__(self) -> None:
        self.written: list[Change] = []

    def write(self, changes: Sequence[Change]) -> None:
        self.written += changes

    def between(self, start: datetime, end: datetime) -> list[Change]:
        return [change for change in self.written if start <= change.at < end]


class Workshop:
    """Trains for real, in worker processes, with a clock that is moved by hand."""

    def __init__(self, folder: Path, timeout_s: float = 120.0, memory_mb: float | None = None) -> None:
        self.folder, self.clock, self.shelf, self.changes = folder, SettableClock(NOON), Shelf(), Changes()
        self.state = state_in(folder / "state")
        self.artifacts = Artifacts(str(folder / "artifacts"))
        self.registry, self.audit = Registry(self.state), Audit(self.state)
        self.stream, self.topology = Stream(self.state, self.changes), Topology(self.state)
        self.metrics: list[bytes] = []
        self.training = self.runs(timeout_s, memory_mb)

    def pipeline(self, timeout_s: float = 120.0, memory_mb: float | None = None) -> Pipeline:
        """The steps of a training, in processes of this machine."""
        limits, snapshots = Limits(timeout_s, memory_mb, threads=1), Snapshots(self.artifacts, self.shelf)
        return Pipeline(self.registry, self.artifacts, snapshots, {"local": Local()}, limits)

    def runs(
        self,
        timeout_s: float = 120.0,
        memory_mb: float | None = None,
        at_a_time: int = 2,
        pipeline: Pipeline | None = None,
    ) -> TrainingRuns:
        """What a server that starts has: its own training runs on the same store."""
        return TrainingRuns(
            self.registry,
            Record(self.stream, self.audit, self.topology, self.metrics.append),
            self.artifacts,
            pipeline or self.pipeline(timeout_s, memory_mb),
            self.folder / "training",
            self.clock,
            at_a_time,
        )

    def known(self, source: Path, name: str = "fraud") -> None:
        """Have a project known, as an earlier training of it would."""
        job = Job("job-known", "train", f"model:{name}", "done", NOON, NOON, {"project": str(source)})
        self.registry.save_job(job)

    def train(
        self,
        key: str = "pln-1:0",
        *,
        excluded: Sequence[tuple[datetime, datetime]] = (),
        since: datetime | None = None,
        name: str = "fraud",
    ) -> ModelVersion:
        """Train over the hour before now, here and at once."""
        now = self.clock.now()
        return self.training.train(name, now - timedelta(hours=1), now, excluded, since, key)

    def job(self, key: str = "pln-1:0") -> Job:
        found = self.registry.job(key)
        assert found is not None
        return found

    def close(self) -> None:
        self.state.close()
