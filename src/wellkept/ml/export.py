"""Export: ONNX where the estimator converts and scores the same, else its library's own safe format."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.ml.canonical import GRAPH
from wellkept.ml.categories import Categories, Named
from wellkept.ml.factors import Factors
from wellkept.ml.owncode import ObjectScorer, needs_code, object_state
from wellkept.ml.runtime import (
    FILES,
    OWN,
    FactorScorer,
    LightgbmScorer,
    Matrix,
    OnnxScorer,
    Scorer,
    Scores,
    SkopsScorer,
    XgboostScorer,
    classes_of,
    estimator_scores,
)

PARITY = 1e-5
"""The largest difference of a score between the estimator and its ONNX form that is let through."""

LIBRARIES = ("lightgbm", "xgboost", "scikit-learn", "onnx", "onnxruntime", "numpy")


def export(
    estimator: Any,
    rows: Matrix,
    inputs: list[str],
    folder: Path,
    columns: Sequence[str] = (),
    code: Callable[[], Mapping[str, bytes]] | None = None,
    categories: Categories | None = None,
) -> dict[str, Any]:
    """Write the model's files and ``manifest.json`` into a folder; returns the manifest.

    ``rows`` are held-out rows, nulls among them, on which the two forms must score alike. ``columns`` are what the
    project's ``features`` makes of the inputs, where it has such a function. ``code`` gives the files of the
    project's code, which are written too where the version needs them; without it only formats of libraries will do.
    ``categories`` are the texts of the inputs that are categories.

    Raises:
        InputError: the estimator has no safe format.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = Named(columns or inputs, categories or {})
    kind, parity, note = _write(estimator, rows, folder, code, named)
    if columns and kind != OWN and code is not None:
        _lay(folder, code())
    manifest = {
        "format": kind,
        "inputs": inputs,
        "estimator": type(estimator).__name__,
        "parity_max_difference": parity,
        "note": note,
        "libraries": _versions(),
    }
    if columns:
        manifest["columns"] = list(columns)
    if categories:
        manifest["categories"] = {name: list(texts) for name, texts in categories.items()}
    if classes_of(estimator):
        manifest["classes"] = classes_of(estimator)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    return manifest


def _versions() -> dict[str, str]:
    """The versions of the libraries that are there; a project of scikit-learn alone needs no LightGBM."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _write(
    estimator: Any, rows: Matrix, folder: Path, code: Callable[[], Mapping[str, bytes]] | None, named: Named
) -> tuple[str, float, str]:
    """Write the form that will be served; its name, how much it differs, and why it is not ONNX."""
    if isinstance(estimator, Factors):
        data = estimator.to_bytes()
        (folder / FILES["factors"]).write_bytes(data)
        return "factors", _same("factors", FactorScorer(data), rows, estimator.predict(rows)), ""
    family = _family(estimator, has_code=code is not None)
    expected = _expected(estimator, rows, named)
    data_or_none, found, why = _to_onnx(estimator, rows, expected, named)
    if data_or_none is not None:
        (folder / FILES["onnx"]).write_bytes(data_or_none)
        if family in ("lightgbm", "xgboost"):  # explanations come from the library itself
            (folder / FILES[family]).write_bytes(_native(estimator, family))
        return "onnx", found, ""
    if hasattr(estimator, "to_onnx") and family == OWN:
        raise InputError("train(frame)", f"the estimator's to_onnx() cannot be served: it {why}")
    data = object_state(estimator) if family == "skops" else b""
    if code is not None and (family == OWN or (data and needs_code(data))):
        return _write_object(estimator, rows, folder, code(), expected, named)
    kinds = classes_of(estimator)
    if family == "lightgbm":
        data = _native(estimator, family)
        scorer = cast("Scorer", LightgbmScorer(data.decode(), kinds, named))
    elif family == "xgboost":
        data = _native(estimator, family)
        scorer = XgboostScorer(data, kinds)
    else:
        scorer = SkopsScorer(data, named)
    (folder / FILES[family]).write_bytes(data)
    return family, _same(family, scorer, rows, expected), why


def _expected(estimator: Any, rows: Matrix, named: Named) -> Scores:
    """What the estimator scores the rows, as it is.

    An estimator is anybody's code and raises whatever it likes, so this is a named edge.

    Raises:
        InputError: it scores rows as long as no value is missing.
    """
    try:
        return estimator_scores(estimator, rows, named)
    except Exception as error:
        whole = rows[~np.isnan(rows).any(axis=1)]
        if len(whole) in (0, len(rows)):
            raise
        estimator_scores(estimator, whole, named)
        rule = (
            "must return an estimator that scores rows with missing values, as inputs are nullable in model.yaml or "
            "missing in the data; fill them in a step of a pipeline or in `features`, which requests go through, too"
        )
        if named.words:
            rule = (
                "must return an estimator that scores rows with a missing category, which one that training never saw "
                "is taken for: OneHotEncoder(handle_unknown='ignore'), say; or list all `values` in model.yaml"
            )
        raise InputError("train(frame)", rule, type(error).__name__) from error


def _write_object(
    estimator: Any, rows: Matrix, folder: Path, code: Mapping[str, bytes], expected: Scores, named: Named
) -> tuple[str, float, str]:
    """Write the state of an object of the project's own code, beside that code."""
    data = object_state(estimator, {Path(name).stem for name in code})
    _lay(folder, code)
    (folder / FILES[OWN]).write_bytes(data)
    found = _same(OWN, ObjectScorer(data, folder, named), rows, expected)
    return OWN, found, "is of the project's own code, which runs in a process of its own where it is served"


def _lay(folder: Path, code: Mapping[str, bytes]) -> None:
    for name, data in code.items():
        (folder / name).write_bytes(data)


def _native(estimator: Any, family: str) -> bytes:
    """The model in the format of its own library."""
    if family == "lightgbm":
        text: str = estimator.booster_.model_to_string()
        return text.encode()
    return bytes(estimator.get_booster().save_raw("ubj"))


def _family(estimator: Any, *, has_code: bool) -> str:
    """The format that an estimator is kept in where it is not ONNX, by the library that it is of.

    Raises:
        InputError: it has no format that can be loaded without running foreign code, or does not predict.
    """
    if hasattr(estimator, "booster_"):
        return "lightgbm"
    if hasattr(estimator, "get_booster"):
        return "xgboost"
    if type(estimator).__module__.startswith("sklearn."):
        return "skops"
    if hasattr(estimator, "predict") and (has_code or hasattr(estimator, "to_onnx")):
        return OWN
    own = "object with predict(rows)" if has_code else "object with predict(rows) and to_onnx()"
    known = "an estimator of LightGBM, XGBoost or scikit-learn, wellkept.ml.factors.Factors"
    raise InputError("train(frame)", f"must return {known}, or any {own}", type(estimator).__name__)


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
    """The largest difference of a score, of one above 1 as a share of it.

    Two undefined scores are alike, an undefined and a defined one are not.
    """
    apart = np.abs(expected - found) / np.maximum(1.0, np.abs(expected))
    return float(np.max(np.where(np.isnan(expected) & np.isnan(found), 0.0, apart), initial=0.0))


def _to_onnx(estimator: Any, rows: Matrix, expected: Scores, named: Named) -> tuple[bytes | None, float, str]:
    """The estimator in ONNX and how much it differs, or why not.

    Converters and the runtime raise whatever they like, so this is a named edge.
    """
    try:
        data = _converted(estimator, rows.shape[1], named)
        found = difference(expected, OnnxScorer(data, classes_of(estimator), named).score(rows))
    except Exception as error:  # noqa: BLE001 - the converter's edge: the reason goes into the manifest
        return None, 0.0, f"does not convert to ONNX: {type(error).__name__}"
    if not found <= PARITY:
        return None, found, f"the ONNX form differs by {found:.2g}, more than {PARITY:g}"
    return data, found, ""


def _converted(estimator: Any, width: int, named: Named) -> bytes:
    if hasattr(estimator, "to_onnx"):
        own = estimator.to_onnx()
        return own if isinstance(own, bytes) else bytes(own.SerializeToString())
    if hasattr(estimator, "get_booster"):
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType as Numbers

        model = convert_xgboost(estimator, GRAPH, [("rows", Numbers([None, width]))])
    elif hasattr(estimator, "booster_"):
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = convert_lightgbm(estimator, GRAPH, [("rows", FloatTensorType([None, width]))], zipmap=False)
    else:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType as Floats
        from skl2onnx.common.data_types import StringTensorType as Texts

        types = [("rows", Floats([None, width]))]
        if named.words:
            types = [
                (name, Texts([None, 1]) if n in named.words else Floats([None, 1]))
                for n, name in enumerate(named.names)
            ]
        model = to_onnx(estimator, name=GRAPH, initial_types=types, options=_options(estimator))
    data: bytes = model.SerializeToString()
    return data


def _options(estimator: Any) -> dict[int, dict[str, bool]]:
    return {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else {}
