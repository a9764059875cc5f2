"""Scoring: ONNX, LightGBM's text, skops; never a pickle, never a type that is not trusted."""

from __future__ import annotations

import ast
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import wellkept
from wellkept.kernel.errors import InputError
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.export import PARITY, difference, export
from wellkept.ml.runtime import TRUSTED, LightgbmScorer, OnnxScorer, SkopsScorer, estimator_scores

RANDOM = np.random.default_rng(5)
ROWS = RANDOM.random((300, 2))
LABEL = (ROWS[:, 1] + 0.2 * RANDOM.random(300) > 0.6).astype(float)
NAMES = ["amount", "risk"]
OPENS_WHAT_WAS_TRUSTED = Path("ml/importing/opened.py")
MODULES_THAT_UNPICKLE = frozenset({"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "torch"})


def manifest(folder: Path, kind: str) -> None:
    folder.joinpath("manifest.json").write_text(json.dumps({"format": kind, "inputs": NAMES}), encoding="utf-8")


def exported(estimator: Any, folder: Path) -> dict[str, Any]:
    return export(estimator, ROWS, NAMES, folder)


def test_logistic_regression_becomes_onnx_that_scores_the_same(tmp_path: Path) -> None:
    model = LogisticRegression().fit(ROWS, LABEL)

    found = exported(model, tmp_path)

    scorer, kept = load_scorer(tmp_path)
    assert isinstance(scorer, OnnxScorer)
    assert kept == found
    assert np.abs(scorer.score(ROWS) - model.predict_proba(ROWS)[:, 1]).max() <= PARITY
    assert (found["format"], found["inputs"], found["estimator"]) == ("onnx", NAMES, "LogisticRegression")
    assert found["libraries"].keys() >= {"scikit-learn", "onnxruntime", "numpy"}
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "model.onnx"}


def test_lightgbm_becomes_onnx_with_nulls_scored_the_same(tmp_path: Path) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=10, num_threads=1, verbose=-1).fit(ROWS, LABEL)
    rows = ROWS.copy()
    rows[::3, 0] = np.nan

    assert export(model, rows, NAMES, tmp_path)["format"] == "onnx"

    scorer, _ = load_scorer(tmp_path)
    assert difference(estimator_scores(model, rows), scorer.score(rows)) <= PARITY


def test_one_that_cannot_score_missing_values_is_told_where_to_fill_them(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[::3, 0] = np.nan

    with pytest.raises(
        InputError, match=r"nullable in model.yaml .* fill them in a step of a pipeline or in `features`"
    ):
        export(LogisticRegression().fit(ROWS, LABEL), rows, NAMES, tmp_path)


def test_the_error_of_an_estimator_that_fails_on_any_row_is_its_own(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[::3, 0] = np.nan

    with pytest.raises(NotFittedError):
        export(LogisticRegression(), rows, NAMES, tmp_path)


def test_several_numbers_a_row_are_refused(tmp_path: Path) -> None:
    model = LinearRegression().fit(ROWS, np.column_stack([LABEL, LABEL]))

    with pytest.raises(InputError, match=r"predict\(rows\): must give one number a row.*, got '\d+ for \d+ rows'"):
        exported(model, tmp_path)


def test_a_row_alone_is_scored_as_among_others_and_by_several_threads(tmp_path: Path) -> None:
    """Rows that come alone have memory of their own, which requests that run side by side must not share."""
    exported(lightgbm.LGBMClassifier(n_estimators=10, num_threads=1, verbose=-1).fit(ROWS, LABEL), tmp_path)
    scorer, _ = load_scorer(tmp_path)
    rows = np.random.default_rng(5).normal(size=(400, ROWS.shape[1]))
    rows[::7, 0] = np.nan
    among = scorer.score(rows)

    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda index: scorer.score(rows[index : index + 1]), range(len(rows))))

    assert np.array_equal(np.concatenate(alone), among)
    assert len({id(scores.base if scores.base is not None else scores) for scores in alone}) == len(alone)
    with pytest.raises(Exception, match=r"(?i)dimension"):
        scorer.score(rows[:1, :1])


def test_a_regression_is_scored_by_its_prediction(tmp_path: Path) -> None:
    model = LinearRegression().fit(ROWS, ROWS[:, 0] * 3)

    exported(model, tmp_path)

    scorer, _ = load_scorer(tmp_path)
    assert np.allclose(scorer.score(ROWS), ROWS[:, 0] * 3, atol=1e-5)


def test_lightgbm_whose_onnx_form_differs_is_kept_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=10, num_threads=1, verbose=-1).fit(ROWS, LABEL)
    honest = OnnxScorer.score
    monkeypatch.setattr(OnnxScorer, "score", lambda self, rows: honest(self, rows) + 0.01)

    found = exported(model, tmp_path)

    scorer, _ = load_scorer(tmp_path)
    assert isinstance(scorer, LightgbmScorer)
    assert (found["format"], found["note"]) == ("lightgbm", "the ONNX form differs by 0.01, more than 1e-05")
    assert difference(estimator_scores(model, ROWS), scorer.score(ROWS)) <= PARITY
    assert not tmp_path.joinpath("model.onnx").exists()


def test_scikit_learn_that_does_not_convert_is_kept_by_skops(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(ROWS, LABEL)

    found = exported(model, tmp_path)

    scorer, _ = load_scorer(tmp_path)
    assert isinstance(scorer, SkopsScorer)
    assert found["format"] == "skops"
    assert found["note"].startswith("does not convert to ONNX: ")
    assert difference(estimator_scores(model, ROWS), scorer.score(ROWS)) <= PARITY


def test_an_estimator_of_another_library_is_refused(tmp_path: Path) -> None:
    class Homemade:
        def predict(self, rows: Any) -> Any:
            return rows[:, 0]

    with pytest.raises(
        InputError, match=r"train\(frame\): must return an estimator of LightGBM, .* and to_onnx\(\), got 'Homemade'"
    ):
        exported(Homemade(), tmp_path)


def test_a_form_that_scores_otherwise_is_no_model_to_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=3, num_threads=1, verbose=-1).fit(ROWS, LABEL)
    monkeypatch.setattr(OnnxScorer, "score", lambda self, rows: np.zeros(len(rows)))
    monkeypatch.setattr(LightgbmScorer, "score", lambda self, rows: np.ones(len(rows)))

    with pytest.raises(InputError, match=r"the estimator scores otherwise in its lightgbm form, by, got '0\."):
        exported(model, tmp_path)


def test_undefined_scores_are_alike_and_differ_from_defined_ones() -> None:
    nan = float("nan")

    assert difference(np.array([nan, 1.0]), np.array([nan, 1.0])) == 0.0
    assert np.isnan(difference(np.array([nan, 1.0]), np.array([0.0, 1.0])))
    assert difference(np.empty(0), np.empty(0)) == 0.0


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return (eval, ("__import__('pathlib').Path('evil').touch()",))


def test_a_type_that_is_not_trusted_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_pipeline(FunctionTransformer(_own), LogisticRegression())
    tmp_path.joinpath("model.skops").write_bytes(skops.io.dumps(model))
    manifest(tmp_path, "skops")

    with pytest.raises(InputError, match=r"model\.skops: holds a type that is not trusted, got '.*_own'"):
        load_scorer(tmp_path)


def _own(rows: Any) -> Any:
    return rows


def test_what_may_be_rebuilt_is_the_platforms_list_and_short() -> None:
    assert len(TRUSTED) < 20
    assert all(name.startswith(("sklearn.", "collections.")) for name in TRUSTED)


@pytest.mark.parametrize("kind", ["pickle", "joblib", "", "ONNX", None])
def test_a_format_that_is_not_known_is_refused(kind: Any, tmp_path: Path) -> None:
    manifest(tmp_path, kind)

    with pytest.raises(InputError, match=r"manifest\.format: must be one of onnx, lightgbm, xgboost, skops, factors"):
        load_scorer(tmp_path)


@pytest.mark.parametrize("kind", ["onnx", "lightgbm", "skops"])
def test_a_pickle_under_a_known_format_is_never_unpickled(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest(tmp_path, kind)
    for name in ("model.onnx", "model.txt", "model.skops"):
        tmp_path.joinpath(name).write_bytes(pickle.dumps(Evil()))

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the library says; what counts is what did not happen
        load_scorer(tmp_path)

    assert not tmp_path.joinpath("evil").exists()


def test_no_module_of_ours_imports_what_unpickles() -> None:
    """But for the worker that locks itself in, and opens what a person has trusted."""
    root = Path(wellkept.__file__).parent
    found = {
        f"{path.relative_to(root)}: {name}"
        for path in root.rglob("*.py")
        if "checks" not in path.parts  # they prove that a detector's state can be pickled
        if path.relative_to(root) != OPENS_WHAT_WAS_TRUSTED
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imported(node)
        if name.partition(".")[0] in MODULES_THAT_UNPICKLE
    }

    assert found == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
