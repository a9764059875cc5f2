"""Export: ONNX where the estimator converts and scores the same, else its library's own safe format."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.runtime import Matrix, OnnxScorer, estimator_scores

PARITY = 1e-5
"""The largest difference of a score between the estimator and its ONNX form that is let through."""

LIBRARIES = ("lightgbm", "scikit-learn", "onnx", "onnxruntime", "numpy")


def export(estimator: Any, rows: Matrix, features: list[str], folder: Path) -> dict[str, Any]:
    """Write the model's files and ``manifest.json`` into a folder; returns the manifest.

    ``rows`` are held-out rows, nulls among them, on which the two forms must score alike.

    Raises:
        InputError: the estimator has no safe format.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind, parity, note = _write(estimator, rows, folder)
    manifest = {
        "format": kind,
        "inputs": features,
        "estimator": type(estimator).__name__,
        "parity_max_difference": parity,
        "note": note,
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    return manifest


def _write(estimator: Any, rows: Matrix, folder: Path) -> tuple[str, float, str]:
    data, why = _to_onnx(estimator, rows.shape[1])
    if data is not None:
        expected, found = estimator_scores(estimator, rows), OnnxScorer(data).score(rows)
        difference = float(np.max(np.abs(expected - found), initial=0.0))
        if difference <= PARITY:
            (folder / "model.onnx").write_bytes(data)
            return "onnx", difference, ""
        why = f"the ONNX form differs by {difference:.2g}, more than {PARITY:g}"
    if hasattr(estimator, "booster_"):
        estimator.booster_.save_model(str(folder / "model.txt"))
        return "lightgbm", 0.0, why
    if type(estimator).__module__.startswith("sklearn."):
        import skops.io

        (folder / "model.skops").write_bytes(skops.io.dumps(estimator))
        return "skops", 0.0, why
    raise InputError("train(frame)", "must return a LightGBM or scikit-learn estimator", type(estimator).__name__)


def _to_onnx(estimator: Any, width: int) -> tuple[bytes | None, str]:
    """The estimator in ONNX, or why not. Converters raise whatever they like, so this is a named edge."""
    try:
        if hasattr(estimator, "booster_"):
            from onnxmltools import convert_lightgbm
            from onnxmltools.convert.common.data_types import FloatTensorType

            model = convert_lightgbm(estimator, initial_types=[("rows", FloatTensorType([None, width]))], zipmap=False)
        else:
            from skl2onnx import to_onnx
            from skl2onnx.common.data_types import FloatTensorType as Floats

            model = to_onnx(estimator, initial_types=[("rows", Floats([None, width]))], options=_options(estimator))
    except Exception as error:  # noqa: BLE001 - the converter's edge: the reason goes into the manifest
        return None, f"does not convert to ONNX: {type(error).__name__}"
    return model.SerializeToString(), ""


def _options(estimator: Any) -> dict[int, dict[str, bool]]:
    return {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else {}
