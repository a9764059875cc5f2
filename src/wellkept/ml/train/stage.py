"""The train stage: a snapshot becomes an artifact, and scores on rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wellkept.kernel.stage import Message, Stage
from wellkept.ml.contract import ModelContract
from wellkept.ml.outcome import Outcome, outcome_of
from wellkept.ml.process import run_worker
from wellkept.store.artifacts.artifacts import Artifacts

STAGE = Stage(
    name="ml.train",
    consumes=frozenset({Message.SNAPSHOT}),
    emits=frozenset({Message.RESULT}),
    purpose="Trains in a process of its own on the older rows and exports into a safe format.",
)

HELD_OUT = 0.25


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and what it did on the held-out rows."""

    artifact: str
    manifest: Mapping[str, Any]
    outcome: Outcome
    trained_on: int
    folder: Path
    """Where the model's files still lie."""


class Trainer:
    """Trains a project on a snapshot."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def train(
        self,
        project: Path,
        contract: ModelContract,
        snapshot: Path,
        champion: str | None,
        folder: Path,
        timeout_s: float,
        since: datetime | None = None,
    ) -> Trained:
        """Train and export; ``champion`` is the artifact's digest of the model to be compared with.

        The newest rows are held out; when the world changed at ``since``, the newer half of the rows since then.

        Raises:
            TrainingError: the project's code failed.
        """
        out, scores = folder / "model", folder / "scores.parquet"
        rival = self._artifacts.fetch_tree(champion, folder / "champion") if champion else None
        request = {
            **training_request(contract, since),
            "project": str(project.resolve()),
            "snapshot": str(snapshot),
            "champion": str(rival) if rival else None,
            "out": str(out),
            "scores": str(scores),
        }
        result = run_worker("wellkept.ml.train.worker", request, folder, timeout_s)
        return Trained(
            artifact=self._artifacts.put_tree(out),
            manifest=result["manifest"],
            outcome=outcome_of(pq.read_table(scores), result),
            trained_on=result["trained_on"],
            folder=out,
        )


def training_request(contract: ModelContract, since: datetime | None = None) -> dict[str, Any]:
    """What the worker is told of a contract."""
    forecast, ranking = contract.forecast, contract.ranking
    return {
        "task": contract.task,
        "features": list(contract.features),
        "columns": list(contract.columns),
        "kinds": [entry.type for entry in contract.inputs],
        "nullable": [entry.name for entry in contract.inputs if entry.nullable],
        "label": contract.label.name,
        "embargo_s": contract.label.delay_s if contract.label.embargo else 0.0,
        "slices": list(contract.slices),
        "gates": [gate.model_dump(exclude_none=True) for gate in contract.gates],
        "held_out": HELD_OUT,
        "since": since.timestamp() if since else None,
        "item": forecast.item if forecast else ranking.item if ranking else "",
        "horizon": forecast.horizon if forecast else 0,
        "season": forecast.season if forecast else 0,
        "user": ranking.user if ranking else "",
        "ranking_held_out": ranking.held_out if ranking else 0.0,
    }
