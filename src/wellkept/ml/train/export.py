"""Export: ONNX where the estimator converts and scores the same, else its library's own safe format."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.runtime import LightgbmScorer, Matrix, OnnxScorer, Scorer, Scores, SkopsScorer, estimator_scores

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
        "libraries": _versions(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    return manifest


def _versions() -> dict[str, str]:
    """The versions of the libraries that are there; a project of scikit-learn alone needs no LightGBM."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _write(estimator: Any, rows: Matrix, folder: Path) -> tuple[str, float, str]:
    is_lightgbm = hasattr(estimator, "booster_")
    if not is_lightgbm and not type(estimator).__module__.startswith("sklearn."):
        raise InputError("train(frame)", "must return a LightGBM or scikit-learn estimator", type(estimator).__name__)
    expected = estimator_scores(estimator, rows)
    data, difference, why = _to_onnx(estimator, rows, expected)
    if data is not None:
        (folder / "model.onnx").write_bytes(data)
        return "onnx", difference, ""
    if is_lightgbm:
        estimator.booster_.save_model(str(folder / "model.txt"))
        scorer: Scorer = LightgbmScorer((folder / "model.txt").read_text(encoding="utf-8"))
        return "lightgbm", _same("LightGBM", scorer, rows, expected), why
    import skops.io

    (folder / "model.skops").write_bytes(skops.io.dumps(estimator))
    return "skops", _same("skops", SkopsScorer((folder / "model.skops").read_bytes()), rows, expected), why


def _same(name: str, scorer: Scorer, rows: Matrix, expected: Scores) -> float:
    """How much the form that will be served differs from the estimator.

    Raises:
        InputError: it differs by more than :data:`PARITY`; it would not be the model that was judged.
    """
    found = difference(expected, scorer.score(rows))
    if not found <= PARITY:
        raise InputError("train(frame)", f"the estimator scores otherwise in its {name} form, by", f"{found:.2g}")
    return found


def difference(expected: Scores, found: Scores) -> float:
    """The largest difference of a score; two undefined scores are alike, an undefined and a defined one are not."""
    return float(np.max(np.where(np.isnan(expected) & np.isnan(found), 0.0, np.abs(expected - found)), initial=0.0))


def _to_onnx(estimator: Any, rows: Matrix, expected: Scores) -> tuple[bytes | None, float, str]:
    """The estimator in ONNX and how much it differs, or why not.

    Converters and the runtime raise whatever they like, so this is a named edge.
    """
    try:
        data = _converted(estimator, rows.shape[1])
        found = difference(expected, OnnxScorer(data).score(rows))
    except Exception as error:  # noqa: BLE001 - the converter's edge: the reason goes into the manifest
        return None, 0.0, f"does not convert to ONNX: {type(error).__name__}"
    if not found <= PARITY:
        return None, found, f"the ONNX form differs by {found:.2g}, more than {PARITY:g}"
    return data, found, ""


def _converted(estimator: Any, width: int) -> bytes:
    if hasattr(estimator, "booster_"):
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = convert_lightgbm(estimator, initial_types=[("rows", FloatTensorType([None, width]))], zipmap=False)
    else:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType as Floats

        model = to_onnx(estimator, initial_types=[("rows", Floats([None, width]))], options=_options(estimator))
    data: bytes = model.SerializeToString()
    return data


def _options(estimator: Any) -> dict[int, dict[str, bool]]:
    return {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else {}
