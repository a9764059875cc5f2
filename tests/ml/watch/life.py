"""The life of a model in a real store: what it is asked, what it answers, and what turns out to be true."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.metrics import average_precision
from wellkept.ml.reference import make_reference, write_reference
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry, VersionState
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FEATURES = ("amount", "spend_1h", "risk_7d")
FEEDER = "service:shop/features"
CONTRACT = f"""
name: fraud
task: binary_classification
owner: risk team
inputs:
  - {{name: amount}}
  - {{name: spend_1h, source: "{FEEDER}", nullable: true}}
  - {{name: risk_7d, source: "{FEEDER}", nullable: true}}
label: {{delay_s: 30}}
metrics: {{primary: average_precision}}
monitors:
  drift: {{window_s: 240, min_rows: 400}}
  performance: {{window_s: 600, min_labels: 400, drop: 0.15}}
retrain: {{window_s: 7200, min_rows: 300, cooldown_s: 600}}
"""
DIGEST = "sha256:" + "a" * 64
RATE = 20


@dataclass
class Life:
    """Predictions are made second by second; every label becomes known half a minute later."""

    telemetry: Telemetry
    registry: Registry
    seed: int = 5
    contract: ModelContract = field(default_factory=lambda: parse_contract(CONTRACT))
    version: str = DIGEST

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def release(self, artifacts: Artifacts, folder: Path) -> None:
        """Register and promote version 1; its artifact holds nothing but its reference."""
        rows, label = self._draw(20_000, turned=False)
        scores = self.score(rows)
        metrics = {"average_precision": average_precision(label, scores)}
        folder.mkdir()
        write_reference(make_reference(rows, FEATURES, scores), folder)
        version = ModelVersion(
            "fraud",
            DIGEST,
            NOON,
            artifacts.put_tree(folder),
            "onnx",
            DIGEST,
            metrics=metrics,
            state=VersionState.PASSED,
        )
        self.registry.save_contract("fraud", CONTRACT, DIGEST, NOON)
        self.registry.register(version)
        self.registry.set_alias("fraud", CHAMPION, DIGEST, expected=None, at=NOON, by="ada")

    def live(
        self, start_s: float, end_s: float, *, outage: bool = False, turned: bool = False, wide: bool = False
    ) -> None:
        """Answer requests from ``start_s`` to ``end_s`` after noon.

        ``outage``: the feeder gives nothing. ``turned``: fraud looks otherwise than in training. ``wide``: amounts
        are ten times as large, and nothing else is different.
        """
        count = int((end_s - start_s) * RATE)
        rows, label = self._draw(count, turned=turned)
        if outage:
            rows[:, 1:] = np.nan
        if wide:
            rows[:, 0] *= 10
        scores = self.score(rows)
        times = [NOON + timedelta(seconds=start_s + index / RATE) for index in range(count)]
        ids = [f"{start_s:.0f}-{index}" for index in range(count)]
        self._write(ids, times, rows, scores, label)

    def score(self, rows: np.ndarray) -> np.ndarray:
        """What the model thinks; without its inputs it guesses."""
        known = np.nan_to_num(rows, nan=0.0)
        return np.asarray(1 / (1 + np.exp(-(4.5 * known[:, 2] + 1.2 * known[:, 1] - 4.2))))

    def _draw(self, count: int, *, turned: bool) -> tuple[np.ndarray, np.ndarray]:
        """Inputs, and which of them are fraud; the inputs are spread alike either way."""
        amount, spend, risk = (
            self._random.exponential(60, count),
            self._random.gamma(2, 0.3, count),
            self._random.random(count),
        )
        sign = -1.0 if turned else 1.0
        chance = 1 / (1 + np.exp(-(9 * sign * (risk - 0.5) + 2 * (spend - 0.6) - 3.0)))
        return np.column_stack([amount, spend, risk]), (self._random.random(count) < chance).astype(float)

    def _write(
        self, ids: list[str], times: list[datetime], rows: np.ndarray, scores: np.ndarray, label: np.ndarray
    ) -> None:
        count = len(ids)
        columns = {
            "id": ids,
            "time": times,
            "model": ["fraud"] * count,
            "version": [self.version] * count,
            "entity_key": [f"card-{index % 50}" for index in range(count)],
            "trace_id": [""] * count,
            "span_id": [""] * count,
            "score": scores.tolist(),
            "decision": (scores > 0.5).astype(str).tolist(),
            "features": [
                [(name, None if np.isnan(v) else float(v)) for name, v in zip(FEATURES, row, strict=True)]
                for row in rows
            ],
            "categories": [[] for _ in range(count)],
            "latency_ms": [0.4] * count,
            "attributes": [[] for _ in range(count)],
        }
        self.telemetry.predictions.write(pa.table(columns, schema=PREDICTIONS))
        known = {
            "prediction_id": ids,
            "model": ["fraud"] * count,
            "time": [time + timedelta(seconds=28) for time in times],
            "value": label.tolist(),
        }
        self.telemetry.labels.write(pa.table(known, schema=LABELS))
