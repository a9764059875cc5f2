"""The train stage: a snapshot becomes an artifact, and scores on rows that it was not trained on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wellkept.kernel.stage import Message, Stage
from wellkept.ml.contract import ModelContract
from wellkept.ml.outcome import Outcome, outcome_of
from wellkept.ml.oversight import Limits
from wellkept.ml.tasks import LOWER_IS_BETTER
from wellkept.ml.train.executors.base import Executor, Work
from wellkept.ml.train.executors.local import Local
from wellkept.store.artifacts.artifacts import Artifacts

STAGE = Stage(
    name="ml.train",
    consumes=frozenset({Message.SNAPSHOT}),
    emits=frozenset({Message.RESULT, Message.FINDING}),
    purpose="Trains in a process of its own on the older rows and exports into a safe format.",
)

HELD_OUT = 0.25
WORKER, SEARCHER = "wellkept.ml.train.worker", "wellkept.ml.train.search.worker"


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and what it did on the held-out rows."""

    artifact: str
    manifest: Mapping[str, Any]
    outcome: Outcome
    trained_on: int
    folder: Path
    """Where the model's files still lie."""
    result: Mapping[str, Any]
    """What the worker answered."""
    scores: Path


class Trainer:
    """Trains a project on a snapshot."""

    def __init__(self, artifacts: Artifacts, executor: Executor | None = None) -> None:
        self._artifacts, self._executor = artifacts, executor or Local()

    def train(
        self,
        project: Path,
        contract: ModelContract,
        snapshot: Path,
        champion: str | None,
        folder: Path,
        limits: float | Limits,
        request: Mapping[str, Any] | None = None,
    ) -> Trained:
        """Train and export; ``champion`` is the artifact's digest of the model to be compared with.

        ``request`` is what the worker is told of the contract (see :func:`training_request`).

        Raises:
            TrainingError: the project's code failed.
        """
        out, scores = folder / "model", folder / "scores.parquet"
        shutil.rmtree(out, ignore_errors=True)
        rival = self._artifacts.fetch_tree(champion, folder / "champion") if champion else None
        paths = {
            "project": str(project.resolve()),
            "snapshot": str(snapshot),
            "champion": str(rival) if rival else None,
            "out": str(out),
            "scores": str(scores),
        }
        asked = {**(request or training_request(contract)), **paths}
        work = Work(WORKER, asked, folder, limits, ("project", "snapshot", "champion"), ("out", "scores"))
        result = self._executor.run(work)
        return _trained(self._artifacts.put_tree(out), result, out, scores)

    def search(
        self,
        project: Path,
        contract: ModelContract,
        snapshot: Path,
        folder: Path,
        limits: Limits,
        request: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Search for parameters on the rows that are trained on; ``request["study"]`` tells searches of a folder apart.

        A search that was cut off goes on with what its journal in the folder holds.

        Raises:
            TrainingError: the project's code failed, or no trial went through.
        """
        search = contract.train.search
        assert search is not None
        metric = search.metric or contract.metrics.primary
        asked = {
            **request,
            "project": str(project.resolve()),
            "snapshot": str(snapshot),
            "journal": str(folder / "search.journal"),
            "search": search.model_dump(mode="json", by_alias=True),
            "metric": metric,
            "maximize": metric not in LOWER_IS_BETTER,
        }
        return self._executor.run(Work(SEARCHER, asked, folder, limits, ("project", "snapshot"), ("journal",)))

    def kept(self, trained: Trained) -> dict[str, Any]:
        """A training as JSON values, everything that it wrote among the artifacts."""
        scores = self._artifacts.put_bytes(trained.scores.read_bytes())
        held = {"artifact": trained.artifact, "scores": scores}
        return {**held, "result": dict(trained.result), "artifacts": [*held.values()]}

    def restored(self, kept: Mapping[str, Any], folder: Path) -> Trained:
        """What was kept, its files below a folder again.

        Raises:
            NotFoundError, StoreError: an artifact is missing or damaged.
        """
        out, scores = folder / "model", folder / "scores.parquet"
        shutil.rmtree(out, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        scores.write_bytes(self._artifacts.get_bytes(kept["scores"]))
        return _trained(kept["artifact"], kept["result"], self._artifacts.fetch_tree(kept["artifact"], out), scores)


def _trained(artifact: str, result: Mapping[str, Any], out: Path, scores: Path) -> Trained:
    outcome = outcome_of(pq.read_table(scores), result)
    return Trained(artifact, result["manifest"], outcome, result["trained_on"], out, result, scores)


def training_request(
    contract: ModelContract, since: datetime | None = None, choose_s: float | None = None
) -> dict[str, Any]:
    """What the worker is told of a contract; ``choose_s`` is its window, where a better one is to be looked for."""
    forecast, ranking = contract.forecast, contract.ranking
    return {
        "task": contract.task,
        "features": list(contract.features),
        "columns": list(contract.columns),
        "kinds": [entry.type for entry in contract.inputs],
        "nullable": [entry.name for entry in contract.inputs if entry.nullable],
        "open": [entry.name for entry in contract.inputs if entry.is_open],
        "label": contract.label.name,
        "embargo_s": contract.label.delay_s if contract.label.embargo else 0.0,
        "slices": list(contract.looked_at_apart),
        "primary": contract.metrics.primary,
        "group_by": contract.group_by,
        "gates": [gate.model_dump(exclude_none=True) for gate in contract.gates],
        "held_out": HELD_OUT,
        "since": since.timestamp() if since else None,
        "item": forecast.item if forecast else ranking.item if ranking else "",
        "horizon": forecast.horizon if forecast else 0,
        "season": forecast.season if forecast else 0,
        "user": ranking.user if ranking else "",
        "ranking_held_out": ranking.held_out if ranking else 0.0,
        "seed": contract.train.seed,
        "window_s": contract.monitors.drift.window_s,
        "interval": contract.output.interval,
        "parameters": dict(contract.train.starting),
        "choose_s": choose_s,
    }
