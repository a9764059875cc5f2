"""Scoring: an artifact's folder becomes a scorer. ONNX first; else the library's own safe format; never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError

Matrix = NDArray[np.float64]
Scores = NDArray[np.float64]

SERVICE, NAMESPACE = "model-server", "wellkept"
"""How the model server is called in telemetry."""

TRUSTED = (
    "collections.OrderedDict",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""Types that skops may rebuild beside its own; the platform owns this list, never the artifact."""


class Scorer(Protocol):
    """Scores rows: float64[n, features] (NaN is null) to float64[n]."""

    def score(self, rows: Matrix) -> Scores: ...


class OnnxScorer:
    """A model in ONNX, on one thread."""

    def __init__(self, data: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name

    def score(self, rows: Matrix) -> Scores:
        out = np.asarray(self._session.run([self._output], {self._input: rows.astype(np.float32)})[0])
        return out.reshape(len(rows), -1)[:, -1].astype(np.float64)


class LightgbmScorer:
    """LightGBM's own text format."""

    def __init__(self, text: str) -> None:
        import lightgbm

        self._booster = lightgbm.Booster(model_str=text)

    def score(self, rows: Matrix) -> Scores:
        return np.asarray(self._booster.predict(rows, num_threads=1), dtype=np.float64)


class SkopsScorer:
    """A scikit-learn estimator in skops' format, rebuilt from trusted types only."""

    def __init__(self, data: bytes) -> None:
        import skops.io

        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
        if unknown:
            raise InputError("model.skops", "holds a type that is not trusted", unknown[0])
        self._estimator = skops.io.loads(data, trusted=list(TRUSTED))

    def score(self, rows: Matrix) -> Scores:
        return estimator_scores(self._estimator, rows)


def load_scorer(folder: Path) -> tuple[Scorer, dict[str, Any]]:
    """The scorer of an artifact's folder, and its manifest.

    Raises:
        InputError: the manifest names a format that is not known.
    """
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    kind = manifest["format"]
    if kind == "onnx":
        return OnnxScorer((folder / "model.onnx").read_bytes()), manifest
    if kind == "lightgbm":
        return LightgbmScorer((folder / "model.txt").read_text(encoding="utf-8")), manifest
    if kind == "skops":
        return SkopsScorer((folder / "model.skops").read_bytes()), manifest
    raise InputError("manifest.format", "must be onnx, lightgbm or skops", kind)


def estimator_scores(estimator: Any, rows: Matrix) -> Scores:
    """The score of each row: the probability of the positive class, or the prediction."""
    if hasattr(estimator, "predict_proba"):
        classes = list(estimator.classes_)
        return np.asarray(estimator.predict_proba(rows), dtype=np.float64)[:, classes.index(max(classes))]
    return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(-1)
