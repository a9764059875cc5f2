"""Finished models that take texts: which ones they know is read from their encoders."""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from skl2onnx import to_onnx
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from tests.ml.importing import models

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Named, numbers_of
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.contract import parse_contract
from wellkept.ml.importing.derived import check_fits, derive
from wellkept.ml.importing.finished import FOLDER, finished, write_project
from wellkept.ml.importing.intake import look, open_pickle
from wellkept.ml.importing.readers import look as read
from wellkept.ml.importing.source import source_of
from wellkept.ml.importing.texts import texts_of_estimator
from wellkept.ml.runtime import estimator_scores, scorer_of
from wellkept.ml.train.stage import training_request
from wellkept.ml.train.worker import work

NAMES = ["Plan type", "tenure", "city"]
COLUMNS = ["Plan_type", "tenure", "city"]
PLANS, CITIES = ["monthly", "two years", "yearly"], ["Basel", "Bern"]
RANDOM = np.random.default_rng(2)
FRAME = pd.DataFrame(
    {"Plan type": RANDOM.choice(PLANS, 300), "tenure": RANDOM.integers(0, 60, 300), "city": RANDOM.choice(CITIES, 300)}
)
LABEL = ((FRAME["Plan type"] == "monthly") & (FRAME["tenure"] < 40)).astype(int)
WORDS = ["Plan type", "city"]
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
ASKED = pd.DataFrame({"Plan type": ["monthly", "weekly", "yearly"], "tenure": [3, 50, 20], "city": ["Bern"] * 3})
CODES = np.array([[0.0, 3.0, 1.0], [np.nan, 50.0, 1.0], [2.0, 20.0, 1.0]])
"""The same rows as places among the texts that the model knows; nobody knows of a plan 'weekly'."""


def fitted(encoder: Any = ONE_HOT) -> Any:
    encoded = make_column_transformer((encoder, WORDS), remainder="passthrough")
    return make_pipeline(encoded, LogisticRegression(max_iter=1000)).fit(FRAME, LABEL)


def onnx_of(estimator: Any) -> bytes:
    """As everybody converts a pipeline that was fitted on a frame: a tensor a column, each of the column's type."""
    return bytes(to_onnx(estimator, FRAME[:1], options={"zipmap": False}).SerializeToString())


def scores_of(taken: Any) -> np.ndarray:
    files = taken.files(COLUMNS)
    manifest = json.loads(files["manifest.json"])
    assert manifest["categories"] == {"Plan_type": PLANS, "city": CITIES}
    return scorer_of(manifest, lambda name: files[name]).score(CODES)


def test_onnx_with_texts_is_taken_in_and_scores_as_it_did() -> None:
    estimator = fitted()

    taken = look(source_of(onnx_of(estimator), "churn.onnx"))

    contract = parse_contract(derive("churn", "ada", taken.told, "a file"))
    assert [entry.type for entry in contract.inputs] == ["category", "int", "category"]
    assert contract.features == tuple(COLUMNS)
    assert contract.inputs[0].is_open, "the encoder ignores texts that it does not know"
    check_fits(contract, "churn", taken.told)
    assert scores_of(taken) == pytest.approx(estimator.predict_proba(ASKED)[:, 1], abs=1e-5)


def test_what_scores_no_other_texts_lists_them_in_its_contract() -> None:
    taken = look(source_of(onnx_of(fitted(OneHotEncoder())), "churn.onnx"))

    text = derive("churn", "ada", taken.told, "a file")
    assert parse_contract(text).inputs[0].values == tuple(PLANS)
    for change, rule in (
        ("  values:\n  - Basel\n  - Bern\n", "must list its values"),
        ("- Basel", "must have values that the file knows"),
    ):
        odd = text.replace(change, "- Thun" if change.startswith("-") else "")
        with pytest.raises(InputError, match=rule):
            check_fits(parse_contract(odd), "churn", taken.told)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("name: Plan_type\n  type: category", "must be of the type category"),
        ("type: int", "must be of the type int or bool, and not nullable"),
    ],
)
def test_a_contract_takes_what_the_file_takes(change: str, rule: str) -> None:
    told = look(source_of(onnx_of(fitted()), "churn.onnx")).told
    text = derive("churn", "ada", told, "a file").replace(change, change.partition("\n")[0].replace("int", "float"))

    with pytest.raises(InputError, match=rule):
        check_fits(parse_contract(text), "churn", told)


@pytest.mark.skipif(sys.platform != "linux", reason="a process is locked in by the kernel of Linux")
def test_a_pickled_pipeline_of_texts_becomes_onnx_that_scores_the_same() -> None:
    estimator = fitted(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))

    taken = open_pickle(source_of(pickle.dumps(estimator), "churn.pkl"))

    assert taken.format == "onnx"
    assert scores_of(taken) == pytest.approx(estimator.predict_proba(ASKED)[:, 1], abs=1e-5)


def test_skops_with_texts_is_taken_in() -> None:
    estimator = fitted()

    taken = look(source_of(models.skops_bytes(estimator), "churn.skops"))

    assert taken.told["types"] == ["category", "float", "category"]
    assert scores_of(taken) == pytest.approx(estimator.predict_proba(ASKED)[:, 1], abs=1e-5)


@pytest.mark.parametrize("kind", ["text", "pickle"])
def test_lightgbm_says_which_categories_it_was_fitted_on(kind: str, tmp_path: Path) -> None:
    if kind == "pickle" and sys.platform != "linux":
        pytest.skip("a process is locked in by the kernel of Linux")
    coded = FRAME.astype({"Plan type": pd.CategoricalDtype(PLANS[::-1]), "city": "category"}).set_axis(COLUMNS, axis=1)
    fitted: Any = lightgbm.LGBMClassifier(n_estimators=10, num_threads=1, verbose=-1).fit(coded, LABEL)

    if kind == "text":
        taken = look(source_of(fitted.booster_.model_to_string().encode(), "churn.txt"))
    else:
        taken = open_pickle(source_of(pickle.dumps(fitted), "churn.pkl"))

    assert (taken.format, taken.told["types"]) == ("lightgbm", ["category", "float", "category"])
    named = Named(COLUMNS, {"Plan_type": PLANS, "city": CITIES})
    expected = fitted.predict_proba(named.asked(CODES))[:, 1]
    assert scores_of(taken) == pytest.approx(expected, abs=1e-9)
    write_project(tmp_path, "", taken.files(COLUMNS), b"")
    assert estimator_scores(finished(tmp_path / FOLDER), CODES, named) == pytest.approx(expected, abs=1e-9)


def test_encoders_are_found_wherever_a_pipeline_has_them() -> None:
    known = {"Plan type": PLANS, "city": CITIES}
    of_types = make_column_transformer((ONE_HOT, make_column_selector(dtype_include=object)), remainder="drop")
    coded = FRAME.astype(dict.fromkeys(WORDS, "category"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trees = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype").fit(coded, LABEL)

    assert texts_of_estimator(fitted(make_pipeline(ONE_HOT)), NAMES) == known
    assert texts_of_estimator(of_types.fit(FRAME), NAMES) == known
    assert texts_of_estimator(make_column_transformer((ONE_HOT, [0, 2])).fit(FRAME), NAMES) == known
    assert texts_of_estimator(trees, NAMES) == known
    assert texts_of_estimator(LogisticRegression().fit(FRAME[["tenure"]], LABEL), ["tenure"]) == {}


def test_a_text_that_no_encoder_takes_is_refused() -> None:
    import onnx
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("city", TensorProto.STRING, [None, 1])
    answer = helper.make_tensor_value_info("length", TensorProto.INT64, [2])
    graph = helper.make_graph([helper.make_node("Shape", ["city"], ["length"])], "g", [given], [answer])
    data = bytes(helper.make_model(graph, opset_imports=[onnx.OperatorSetIdProto(version=15)]).SerializeToString())

    with pytest.raises(InputError, match=r"must have an encoder that knows 1 to 1000 texts .* input city"):
        read("onnx", data)


def test_a_finished_model_is_an_estimator_of_frames(tmp_path: Path) -> None:
    estimator = fitted()
    taken = look(source_of(onnx_of(estimator), "churn.onnx"))
    write_project(tmp_path, "", taken.files(COLUMNS), b"")

    known = json.loads((tmp_path / "categories.json").read_text())
    found = finished(tmp_path / FOLDER)

    fewer = Named(COLUMNS, {"Plan_type": ["monthly", "yearly"], "city": ["Bern"]})
    rows = np.array([[0.0, 3.0, 0.0], [np.nan, 50.0, 0.0], [1.0, 20.0, 0.0]])
    expected = estimator.predict_proba(ASKED)[:, 1]
    assert known == {"Plan_type": PLANS, "city": CITIES}
    assert estimator_scores(found, rows, fewer) == pytest.approx(expected, abs=1e-5)
    assert estimator_scores(found, CODES, Named(COLUMNS, known)) == pytest.approx(expected, abs=1e-5)
    assert numbers_of(fewer.table(rows)["city"]).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.usefixtures("workers_world")
def test_a_judged_model_knows_what_its_file_knows_and_not_only_what_its_rows_have(tmp_path: Path) -> None:
    estimator = fitted()
    taken = look(source_of(onnx_of(estimator), "churn.onnx"))
    contract = parse_contract(derive("churn", "ada", taken.told, "a file"))
    rows = FRAME[FRAME["Plan type"] != "two years"].rename(columns={"Plan type": "Plan_type"})
    table = pa.Table.from_pandas(rows.assign(label=LABEL[rows.index]), preserve_index=False)
    write_project(tmp_path, "", taken.files(list(contract.features)), b"")
    pq.write_table(table, tmp_path / "snapshot.parquet")

    told = work(
        {
            "project": str(tmp_path),
            "snapshot": str(tmp_path / "snapshot.parquet"),
            **training_request(contract),
            "champion": None,
            "out": str(tmp_path / "model"),
            "scores": str(tmp_path / "scores.parquet"),
        }
    )

    assert told["manifest"]["categories"] == {"Plan_type": PLANS, "city": CITIES}
    scorer, _ = load_scorer(tmp_path / "model")
    assert scorer.score(CODES) == pytest.approx(estimator.predict_proba(ASKED)[:, 1], abs=1e-5)
    scores = pq.read_table(tmp_path / "scores.parquet")["challenger"].to_numpy()
    held_out = rows.rename(columns={"Plan_type": "Plan type"})[-len(scores) :]
    assert scores == pytest.approx(estimator.predict_proba(held_out)[:, 1], abs=1e-5)


def test_names_that_no_contract_can_have_are_refused_where_they_are_needed() -> None:
    steps = (RBFSampler(random_state=1), LogisticRegression())  # the first has no converter
    named = make_pipeline(make_column_transformer((ONE_HOT, WORDS), remainder="drop"), *steps).fit(FRAME, LABEL)
    encoded = make_column_transformer((ONE_HOT, ["Plan_type", "city"]), remainder="drop")
    renamed = make_pipeline(encoded, *steps).fit(FRAME.set_axis(COLUMNS, axis=1), LABEL)

    with pytest.raises(InputError, match=r"need names that a contract can have; .* 'Plan type'"):
        look(source_of(models.skops_bytes(named), "churn.skops"))
    taken = look(source_of(models.skops_bytes(renamed), "churn.skops"))

    assert taken.format == "skops"
    assert scores_of(taken) == pytest.approx(renamed.predict_proba(ASKED.set_axis(COLUMNS, axis=1))[:, 1], abs=1e-5)
