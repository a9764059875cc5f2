"""Inputs that are categories: places in a list in a matrix, texts before and behind it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Named, categories_of, encoded, numbers_of, shown
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.export import export
from wellkept.ml.features import Features
from wellkept.ml.runtime import Matrix, estimator_scores, lightgbm_of
from wellkept.ml.train.named import by_position

RANDOM = np.random.default_rng(4)
NAMES = ["plan", "tenure", "city"]
PLANS, CITIES = ["monthly", "two years", "yearly"], [f"city {n:02}" for n in range(30)]
CATEGORIES = {"plan": PLANS, "city": CITIES}
NAMED = Named(NAMES, CATEGORIES)
ROWS: Matrix = np.column_stack([RANDOM.integers(0, 3, 400), RANDOM.random(400), RANDOM.integers(0, 30, 400)]).astype(
    float
)
LABEL = (ROWS[:, 0] + ROWS[:, 1] + 0.5 * RANDOM.random(400) > 1.4).astype(float)
UNSEEN = ROWS[:90].copy()
UNSEEN[:30, 0] = UNSEEN[20:60, 2] = np.nan
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
PLACES = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
WORDS = ["plan", "city"]


def of_columns(*steps: Any) -> Any:
    return make_column_transformer(*steps, remainder="passthrough")


ESTIMATORS: dict[str, tuple[Any, str]] = {
    "one-hot by name": (make_pipeline(of_columns((ONE_HOT, WORDS)), LogisticRegression(max_iter=1000)), "onnx"),
    "places by name": (make_pipeline(of_columns((PLACES, WORDS)), LogisticRegression(max_iter=1000)), "onnx"),
    "one-hot by type": (
        make_pipeline(
            of_columns((ONE_HOT, make_column_selector(dtype_include="category"))), LogisticRegression(max_iter=1000)
        ),
        "onnx",
    ),
    "filled first": (
        make_pipeline(
            of_columns((make_pipeline(SimpleImputer(strategy="most_frequent"), ONE_HOT), WORDS)),
            LogisticRegression(max_iter=1000),
        ),
        "python",
    ),
    "trees of LightGBM": (lightgbm.LGBMClassifier(n_estimators=10, num_threads=1, verbose=-1), "onnx"),
    "trees of scikit-learn": (HistGradientBoostingClassifier(max_iter=5), "python"),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_kept_scores_categories_as_the_estimator_does(name: str, tmp_path: Path) -> None:
    estimator, kind = ESTIMATORS[name]
    fitted = by_position(estimator.fit(NAMED.asked(ROWS), LABEL), NAMES, CATEGORIES)
    frame = pd.DataFrame({"plan": ["yearly", None], "tenure": [0.5, 0.1], "city": ["city 03", None]})
    frame = frame.astype({name: pd.CategoricalDtype(texts) for name, texts in CATEGORIES.items()})

    def code() -> dict[str, bytes]:
        return {"model.py": b""}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a converter
        manifest = export(fitted, np.vstack([ROWS, UNSEEN]), NAMES, tmp_path, (), code, CATEGORIES)

    scorer, kept = load_scorer(tmp_path)
    assert (manifest["format"], kept["categories"]) == (kind, CATEGORIES)
    expected = fitted.predict_proba(frame)[:, 1]
    assert scorer.score(np.array([[2, 0.5, 3], [np.nan, 0.1, np.nan]])) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("order", [["two years", "monthly", "yearly"], ["monthly", "yearly"]])
def test_trees_of_lightgbm_know_categories_in_an_order_of_their_own(order: list[str], tmp_path: Path) -> None:
    frame = NAMED.asked(ROWS)
    frame["plan"] = frame["plan"].cat.set_categories(order)
    fitted = lightgbm.LGBMClassifier(n_estimators=10, num_threads=1, verbose=-1).fit(frame, LABEL)

    manifest = export(fitted, np.vstack([ROWS, UNSEEN]), NAMES, tmp_path, categories=CATEGORIES)

    assert manifest["format"] == "lightgbm"
    scorer, _ = load_scorer(tmp_path)
    expected = estimator_scores(fitted, UNSEEN, NAMED)
    assert scorer.score(UNSEEN) == pytest.approx(expected, abs=1e-9)
    parts = lightgbm_of((tmp_path / "model.txt").read_text(), NAMED)(UNSEEN, pred_contrib=True)
    assert 1 / (1 + np.exp(-parts.sum(axis=1))) == pytest.approx(expected, abs=1e-9)


def test_an_estimator_that_knows_no_other_categories_is_refused(tmp_path: Path) -> None:
    pipeline = make_pipeline(of_columns((OneHotEncoder(), WORDS)), LogisticRegression(max_iter=1000))
    fitted = pipeline.fit(NAMED.asked(ROWS), LABEL)

    with pytest.raises(InputError, match=r"a missing category, .*handle_unknown='ignore'.*or list all `values`"):
        export(fitted, np.vstack([ROWS, UNSEEN]), NAMES, tmp_path, categories=CATEGORIES)


def test_an_estimator_that_was_fitted_without_names_is_refused() -> None:
    rows = NAMED.asked(ROWS).to_numpy()
    fitted = make_pipeline(make_column_transformer((ONE_HOT, [0, 2])), LogisticRegression(max_iter=1000)).fit(
        rows, LABEL
    )

    with pytest.raises(InputError, match=r"must fit the estimator on a frame .*, as inputs are categories"):
        by_position(fitted, NAMES, CATEGORIES)


def test_an_object_of_the_project_is_asked_with_texts(tmp_path: Path) -> None:
    tmp_path.joinpath("model.py").write_text(
        "class Rates:\n"
        "    def predict(self, rows):\n"
        "        return (rows['plan'] == 'yearly').to_numpy() + rows['plan'].isna().to_numpy() * 0.5\n",
        encoding="utf-8",
    )
    manifest = {"format": "python", "inputs": NAMES, "categories": CATEGORIES}
    tmp_path.joinpath("manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    from wellkept.ml.owncode import object_state
    from wellkept.ml.project import module_of

    rates = module_of(tmp_path / "model.py").Rates()
    tmp_path.joinpath("object.skops").write_bytes(object_state(rates, {"model"}))

    scorer, _ = load_scorer(tmp_path)

    assert scorer.score(np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [np.nan, 1.0, 0.0]])).tolist() == [1.0, 0.0, 0.5]


def test_features_see_texts_and_may_hand_them_on(tmp_path: Path) -> None:
    tmp_path.joinpath("model.py").write_text(
        "import pyarrow.compute as pc\n"
        "def features(frame):\n"
        "    return frame.append_column('is_yearly', pc.equal(frame['plan'], 'yearly'))\n",
        encoding="utf-8",
    )
    features = Features(tmp_path / "model.py", NAMES, ["city", "is_yearly"], CATEGORIES)

    assert features.matrix(np.array([[2.0, 0.5, 7.0], [0.0, 0.5, 1.0]])).tolist() == [[7.0, 1.0], [1.0, 0.0]]


def test_a_text_that_features_make_is_no_column_of_a_model(tmp_path: Path) -> None:
    tmp_path.joinpath("model.py").write_text(
        "def features(frame):\n    return frame.append_column('other', frame['plan'].cast('string'))\n",
        encoding="utf-8",
    )
    features = Features(tmp_path / "model.py", NAMES, ["other"], CATEGORIES)

    with pytest.raises(InputError, match="must return columns of numbers, or inputs as they are"):
        features.matrix(ROWS)


def test_a_table_is_encoded_by_the_texts_that_are_known() -> None:
    table = pa.table({"plan": pa.chunked_array([["b", "a"], [None, "", "c", "b"]]), "tenure": range(6)})

    known = categories_of(table, ["plan"])
    fewer = encoded(encoded(table, known), {"plan": ["b", "c"]})

    assert known == {"plan": ["a", "b", "c"]}
    assert encoded(table, known)["plan"].to_pylist() == ["b", "a", None, None, "c", "b"]
    assert fewer["plan"].to_pylist() == ["b", None, None, None, "c", "b"]
    np.testing.assert_array_equal(numbers_of(fewer["plan"]), [0, np.nan, np.nan, np.nan, 1, 0])


def test_places_are_shown_as_texts() -> None:
    assert [shown("plan", 1.0, CATEGORIES), shown("plan", np.nan, CATEGORIES), shown("tenure", 1.0, CATEGORIES)] == [
        "two years",
        None,
        1.0,
    ]


def test_an_estimator_without_categories_is_asked_with_a_matrix() -> None:
    class Same:
        def predict(self, rows: Any) -> Any:
            assert rows is ROWS
            return rows[:, 0]

    assert estimator_scores(Same(), ROWS, Named(NAMES)).tolist() == ROWS[:, 0].tolist()
