"""A finished model as an estimator, so that it goes the way of a trained one: judged on data, with a card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.categories import KNOWN, Named
from wellkept.ml.runtime import FILES, TRUSTED, Matrix, OnnxScorer, Scores, named_of

FOLDER = "finished"
ROWS = "rows.parquet"
PROJECT = '''"""A finished model that was imported: there is nothing to train, and training gives the same again."""

from pathlib import Path

import pyarrow.parquet as pq

from wellkept.ml.importing.finished import finished


def load(window):
    """The rows that it is judged on."""
    return pq.read_table(window.history)


def train(frame):
    """The model as it was imported."""
    return finished(Path(__file__).parent / "finished")
'''


class FinishedOnnx:
    """An ONNX model with the methods of an estimator."""

    def __init__(self, data: bytes, named: Named, classes: Sequence[float] = ()) -> None:
        self._data, self._named, self._scorer = data, named, OnnxScorer(data, classes, named)

    def predict(self, rows: Any) -> Scores:
        return self._scorer.score(self._named.matrix(rows))

    def to_onnx(self) -> bytes:
        return self._data


class FinishedClassifier(FinishedOnnx):
    """One that gives the chances of three or more classes."""

    def __init__(self, data: bytes, named: Named, classes: list[float]) -> None:
        super().__init__(data, named, classes)
        self.classes_ = np.asarray(classes)

    def predict_proba(self, rows: Any) -> NDArray[np.float64]:
        """float64[n, classes]: which class the model gives, as certain; nothing more is scored of such a model."""
        return np.asarray(self.predict(rows)[:, None] == self.classes_[None, :], dtype=np.float64)


class FinishedBooster:
    """A booster of LightGBM or XGBoost with what an export asks of an estimator."""

    def __init__(self, booster: Any, classes: list[float]) -> None:
        self._booster = booster
        if hasattr(booster, "model_to_string"):
            self.booster_ = booster
        else:
            self.get_booster = lambda: booster
        if classes:
            self.classes_ = np.asarray(classes)
            self.predict_proba = self.predict

    def predict(self, rows: Matrix) -> NDArray[np.float64]:
        if hasattr(self._booster, "model_to_string"):
            return np.asarray(self._booster.predict(rows, num_threads=1), dtype=np.float64)
        return np.asarray(self._booster.inplace_predict(rows), dtype=np.float64)


def finished(folder: Path) -> Any:
    """The estimator in an artifact's folder."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    kind, classes = manifest["format"], manifest.get("classes", [])
    data = (folder / FILES[kind]).read_bytes()
    if kind == "onnx":
        named = named_of(manifest)
        return FinishedClassifier(data, named, classes) if classes else FinishedOnnx(data, named)
    if kind == "lightgbm":
        import lightgbm

        return FinishedBooster(lightgbm.Booster(model_str=data.decode("utf-8")), classes)
    if kind == "xgboost":
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(data))
        return FinishedBooster(booster, classes)
    import skops.io

    return skops.io.loads(data, trusted=list(TRUSTED))


def write_project(folder: Path, contract: str, files: dict[str, bytes], rows: bytes) -> Path:
    """A model project around a finished model and the rows that it is judged on."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text(contract, encoding="utf-8")
    (folder / "model.py").write_text(PROJECT, encoding="utf-8")
    (folder / ROWS).write_bytes(rows)
    manifest = json.loads(files["manifest.json"])
    (folder / KNOWN).write_text(json.dumps(manifest.get("categories", {})), encoding="utf-8")
    for name, data in files.items():
        (folder / FOLDER / name).write_bytes(data)
    return folder
