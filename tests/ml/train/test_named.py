"""What was fitted on a frame with names is asked with a matrix, and must score each row as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from wellkept.kernel.errors import InputError
from wellkept.ml.runtime import estimator_scores
from wellkept.ml.train.named import by_position

COLUMNS = ["amount", "risk", "plan", "age"]
RANDOM = np.random.default_rng(3)
ROWS = pd.DataFrame({name: RANDOM.normal(50 * place, 1 + place, 200) for place, name in enumerate(COLUMNS)})
ROWS["plan"] = RANDOM.integers(0, 3, 200)
LABEL = (ROWS["amount"] + ROWS["plan"] > 1).astype(int)
CHOICES = [
    ("some", StandardScaler(), ["age", "amount"]),
    ("one", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
    ("from one to another", StandardScaler(), slice("amount", "risk")),
    ("by their type", MinMaxScaler(), make_column_selector(dtype_include="float")),
    ("by place", StandardScaler(), [3]),
    ("a single one", FunctionTransformer(lambda one: np.asarray(one)[:, None]), "age"),
    ("a single one by its place", FunctionTransformer(lambda one: np.asarray(one)[:, None]), 3),
    ("not at all", "drop", ["risk"]),
]


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_step_that_chooses_columns_by_name_finds_them_in_a_matrix(calibrated: bool) -> None:
    pipeline = make_pipeline(ColumnTransformer(CHOICES, remainder="passthrough"), LogisticRegression(max_iter=1000))
    estimator = (CalibratedClassifierCV(pipeline, cv=2) if calibrated else pipeline).fit(ROWS, LABEL)
    expected = estimator.predict_proba(ROWS)[:, 1]

    found = estimator_scores(by_position(estimator, COLUMNS), ROWS.to_numpy(np.float64))

    np.testing.assert_allclose(found, expected)


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_a_step_that_hands_on_names_does_so_still() -> None:
    first = ColumnTransformer([("one", OneHotEncoder(sparse_output=False), ["plan"])], remainder="passthrough")
    second = ColumnTransformer([("chosen", "passthrough", ["one__plan_1", "remainder__risk"])])
    estimator = make_pipeline(first.set_output(transform="pandas"), second, LogisticRegression()).fit(ROWS, LABEL)
    expected = estimator.predict_proba(ROWS)[:, 1]

    found = estimator_scores(by_position(estimator, COLUMNS), ROWS.to_numpy(np.float64))

    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("estimator", [LGBMClassifier(n_estimators=2, verbose=-1), LogisticRegression()])
@pytest.mark.parametrize("columns", [COLUMNS[::-1], COLUMNS[:-1]])
def test_other_columns_than_those_it_was_fitted_on_are_refused(estimator: Any, columns: list[str]) -> None:
    fitted = estimator.fit(ROWS[columns], LABEL)

    with pytest.raises(InputError, match=r"order \(amount, risk, plan, age\), or on a matrix .*, got '.*risk"):
        by_position(fitted, COLUMNS)


@pytest.mark.parametrize("estimator", [LGBMClassifier(n_estimators=2, verbose=-1), LogisticRegression()])
def test_one_that_was_fitted_on_a_matrix_stays_as_it_is(estimator: Any) -> None:
    fitted = estimator.fit(ROWS.to_numpy(), LABEL)

    assert by_position(fitted, COLUMNS) is fitted


def test_classes_that_are_no_numbers_are_refused() -> None:
    fitted = LogisticRegression().fit(ROWS.to_numpy(), np.where(LABEL == 1, "churned", "stays"))

    with pytest.raises(InputError, match="whose classes are numbers, got 'churned, stays'"):
        by_position(fitted, COLUMNS)
