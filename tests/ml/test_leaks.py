"""The published mistake, from load to verdict: SMOTE before the split makes a model look far better than it is."""

from __future__ import annotations

from pathlib import Path

from tests.ml.workshop import NOON, project

from wellkept.ml.trial import Report, try_project

CONTRACT = """
name: churn
task: binary_classification
owner: customer care
inputs: [{name: tenure}, {name: charges}, {name: calls}, {name: minutes}, {name: age}]
metrics: {primary: roc_auc}
gates: [{metric: roc_auc, at_least: 0.6}]
"""
CODE = """
    import numpy as np
    import pyarrow as pa

    NAMES = ["tenure", "charges", "calls", "minutes", "age"]


    def load(window):
        random = np.random.default_rng(3)
        rows = np.column_stack([
            random.exponential(30, 1600), random.normal(60, 15, 1600), random.gamma(2, 1, 1600),
            random.gamma(3, 50, 1600), random.normal(45, 12, 1600),
        ])
        leaning = -2.2 - 0.03 * (rows[:, 0] - 30) + 0.4 * (rows[:, 2] - 2)
        label = (random.random(1600) < 1 / (1 + np.exp(-leaning))).astype(float)
        MADE
        order = random.permutation(len(rows))
        columns = {name: rows[order, place] for place, name in enumerate(NAMES)}
        return pa.table({**columns, "label": label[order]})


    def train(frame):
        import lightgbm
        rows = np.column_stack([frame[name].to_numpy() for name in NAMES])
        model = lightgbm.LGBMClassifier(n_estimators=150, num_leaves=31, n_jobs=1, verbose=-1)
        return model.fit(rows, frame["label"].to_numpy())
"""
SMOTE = """
        rare = rows[label == 1]
        apart = (((rare[:, None] - rare[None]) / rare.std(axis=0)) ** 2).sum(axis=2)
        np.fill_diagonal(apart, np.inf)
        nearest = np.argsort(apart, axis=1)[:, :5]
        count = int((label == 0).sum()) - len(rare)
        one = random.integers(0, len(rare), count)
        other = nearest[one, random.integers(0, 5, count)]
        made = rare[one] + random.random((count, 1)) * (rare[other] - rare[one])
        rows, label = np.vstack([rows, made]), np.r_[label, np.ones(count)]
"""


def tried(folder: Path, made: str) -> Report:
    code = CODE.replace("        MADE\n", made.removeprefix("\n"))
    return try_project(project(folder / "p", code, CONTRACT), NOON, 0, 120.0)


def test_smote_before_the_split_is_caught(tmp_path: Path) -> None:
    found = tried(tmp_path, SMOTE)

    step = next(one for one in found.steps if one.name == "gate shared rows")
    assert found.metrics["roc_auc"] > 0.9, "what would have been published"
    assert step.passed is False
    assert "interpolated" in step.sentence
    assert "SMOTE) before the split" in step.sentence
    assert not found.passed


def test_the_same_rows_as_they_are_pass_and_say_how_good_the_model_is(tmp_path: Path) -> None:
    found = tried(tmp_path, "")

    assert found.passed, found.text()
    assert found.metrics["roc_auc"] < 0.8
