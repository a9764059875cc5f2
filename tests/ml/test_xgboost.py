"""XGBoost is served as ONNX or in its own format. It is no package that we need, so this runs where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wellkept.ml import export as exporting
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.runtime import XgboostScorer, estimator_scores

xgboost = pytest.importorskip("xgboost", reason="xgboost is an optional package of projects, and not installed here")

RANDOM = np.random.default_rng(1)
ROWS = RANDOM.random((300, 3))
LABELS = {
    "two classes": (ROWS[:, 0] > 0.6).astype(int),
    "three classes": np.digitize(ROWS[:, 0], [0.3, 0.6]),
    "numbers": ROWS[:, 0] * 50,
}


def fitted(kind: str) -> Any:
    family = xgboost.XGBRegressor if kind == "numbers" else xgboost.XGBClassifier
    return family(n_estimators=4, n_jobs=1).fit(ROWS, LABELS[kind])


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("converts", [True, False])
def test_it_scores_the_same_in_either_form(
    kind: str, converts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not converts:
        monkeypatch.setattr(exporting, "_to_onnx", lambda *_: (None, 0.0, "does not convert"))
    model = fitted(kind)

    manifest = exporting.export(model, ROWS, ["a", "b", "c"], tmp_path)

    scorer, _ = load_scorer(tmp_path)
    with_holes = ROWS.copy()
    with_holes[:9, 1] = np.nan
    assert manifest["format"] == ("onnx" if converts else "xgboost")
    assert isinstance(scorer, XgboostScorer) != converts
    assert scorer.score(with_holes) == pytest.approx(estimator_scores(model, with_holes), rel=1e-5, abs=1e-6)
