"""The train stage: a snapshot becomes an artifact, and scores on rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkept.kernel.stage import Message, Stage
from wellkept.ml.contract import ModelContract
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
    """A trained model and what it did on the held-out rows.

    ``label``, ``challenger`` and ``champion`` (None without one) are float64[n] over the same rows.
    """

    artifact: str
    manifest: Mapping[str, Any]
    label: NDArray[np.float64]
    challenger: NDArray[np.float64]
    champion: NDArray[np.float64] | None
    latency_p99_ms: float
    null_shares: Mapping[str, float]
    trained_on: int


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
            "project": str(project.resolve()),
            "snapshot": str(snapshot),
            "features": list(contract.features),
            "nullable": [entry.name for entry in contract.inputs if entry.nullable],
            "label": contract.label.name,
            "held_out": HELD_OUT,
            "since": since.timestamp() if since else None,
            "champion": str(rival) if rival else None,
            "out": str(out),
            "scores": str(scores),
        }
        result = run_worker("wellkept.ml.train.worker", request, folder, timeout_s)
        table = pq.read_table(scores)
        return Trained(
            artifact=self._artifacts.put_tree(out),
            manifest=result["manifest"],
            label=table["label"].to_numpy(),
            challenger=table["challenger"].to_numpy(),
            champion=table["champion"].to_numpy() if "champion" in table.column_names else None,
            latency_p99_ms=result["latency_p99_ms"],
            null_shares=result["null_shares"],
            trained_on=result["trained_on"],
        )
