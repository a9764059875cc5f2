"""Explanations: they sum up to the score, exact ones equal brute force, and each says which kind it is."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.ml.serve.doors import Asked, served

from wellkept.kernel.errors import InputError
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.export import export
from wellkept.ml.reference import make_reference, write_reference
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.explain import BACKGROUND, Explanation, Sampled, explainer_of
from wellkept.ml.serve.served import Served

NAMES = ("a", "b", "c")
ROWS = np.random.default_rng(1).normal(size=(400, 3))


def contract(task: str = "binary_classification") -> ModelContract:
    metric = {"binary_classification": "roc_auc", "regression": "mae", "multiclass_classification": "accuracy"}[task]
    inputs = ", ".join(f"{{name: {name}, nullable: true}}" for name in NAMES)
    return parse_contract(f"name: m\ntask: {task}\nowner: o\ninputs: [{inputs}]\nmetrics: {{primary: {metric}}}\n")


def kept(estimator: Any, folder: Path, task: str = "binary_classification") -> Served:
    """An estimator as it is served, with what is kept beside it."""
    export(estimator, ROWS, list(NAMES), folder)
    scorer, manifest = load_scorer(folder)
    write_reference(make_reference(ROWS, NAMES, scorer.score(ROWS)), folder)
    chosen = contract(task)

    def read(name: str) -> bytes:
        return (folder / name).read_bytes()

    return Served("m", "sha256:0", 1, chosen, scorer, chosen.inputs, manifest["format"], {}, read)


def comes_to(explanation: Explanation) -> Scores:
    found = explanation.baseline + explanation.contributions.sum(axis=1)
    return np.asarray(1 / (1 + np.exp(-found)) if explanation.space == "log odds" else found)


def trees(task: str = "binary_classification") -> Any:
    import lightgbm

    y = ROWS[:, 0] + ROWS[:, 1] * ROWS[:, 2]
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    truth = {"regression": y, "binary_classification": y > 0, "multiclass_classification": np.digitize(y, (-1, 1))}
    return kind(n_estimators=15, num_leaves=6, num_threads=1, verbose=-1).fit(ROWS, truth[task])


@pytest.mark.parametrize("task", ["binary_classification", "regression"])
def test_trees_are_explained_exactly_by_their_library(task: str, tmp_path: Path) -> None:
    model = kept(trees(task), tmp_path, task)

    found = model.explainer.explain(ROWS[:5])

    assert (found.method, found.names) == ("tree_shap", NAMES)
    assert np.allclose(comes_to(found), model.scorer.score(ROWS[:5]), atol=1e-5)


def test_of_several_classes_the_one_that_is_answered_is_explained(tmp_path: Path) -> None:
    estimator = trees("multiclass_classification")
    model = kept(estimator, tmp_path, "multiclass_classification")

    found = model.explainer.explain(ROWS[:20])

    raw = estimator.predict(ROWS[:20], raw_score=True)
    assert np.allclose(found.baseline + found.contributions.sum(axis=1), raw.max(axis=1))


@pytest.mark.parametrize("task", ["binary_classification", "regression"])
def test_a_linear_model_is_found_to_be_one_and_explained_exactly(task: str, tmp_path: Path) -> None:
    weights = np.array([2.0, -1.0, 0.0])
    y = ROWS @ weights
    estimator = LinearRegression().fit(ROWS, y) if task == "regression" else LogisticRegression().fit(ROWS, y > 0)
    model = kept(estimator, tmp_path, task)

    found = model.explainer.explain(ROWS[:5])

    assert found.method == "linear"
    assert np.allclose(comes_to(found), model.scorer.score(ROWS[:5]), atol=1e-4)
    slopes = np.diff(found.contributions, axis=0) / np.diff(ROWS[:5], axis=0)
    assert np.allclose(slopes, np.ravel(estimator.coef_), atol=1e-2)


class Product:
    """What is not linear: a product, and one input that does nothing. Null counts 0."""

    def score(self, rows: Matrix) -> Scores:
        known = np.nan_to_num(rows)
        return np.asarray(known[:, 0] * known[:, 1] + known[:, 0])


def tried(tmp_path: Path) -> Served:
    write_reference(make_reference(ROWS, NAMES, np.zeros(len(ROWS))), tmp_path)
    chosen = contract("regression")

    def read(name: str) -> bytes:
        return (tmp_path / name).read_bytes()

    return Served("m", "sha256:0", 1, chosen, Product(), chosen.inputs, "skops", {}, read)


def test_any_other_model_is_tried_and_the_answer_is_near_the_truth(tmp_path: Path) -> None:
    model = tried(tmp_path)
    row = np.array([[2.0, 3.0, 5.0]])

    found = model.explainer.explain(row)
    again = explainer_of(model).explain(row)

    assert isinstance(model.explainer, Sampled)
    assert (found.method, found.space) == ("sampled", "score")
    assert np.array_equal(found.contributions, again.contributions), "the same row is explained alike"
    assert comes_to(found)[0] == pytest.approx(model.scorer.score(row)[0])
    assert found.contributions[0, 2] == 0.0, "what does nothing gets nothing"
    assert np.allclose(found.contributions[0], brute_force(model.explainer._background, row[0]), atol=1.0)


def brute_force(background: Matrix, row: Scores) -> Scores:
    """Shapley values by their definition, over all sets of inputs."""
    width, found = len(row), np.zeros(len(row))

    def value(chosen: tuple[int, ...]) -> float:
        rows = background.copy()
        rows[:, list(chosen)] = row[list(chosen)]
        return float(Product().score(rows).mean())

    for column in range(width):
        others = [other for other in range(width) if other != column]
        for size in range(width):
            weight = math.factorial(size) * math.factorial(width - size - 1) / math.factorial(width)
            for chosen in itertools.combinations(others, size):
                found[column] += weight * (value((*chosen, column)) - value(chosen))
    assert len(background) == BACKGROUND
    return found


def test_a_row_where_a_linear_model_is_not_is_tried(tmp_path: Path) -> None:
    model = kept(LinearRegression().fit(ROWS, ROWS[:, 0]), tmp_path, "regression")
    model.scorer.score(ROWS[:1])
    linear = model.explainer
    model = Served("m", "sha256:0", 1, model.contract, Product(), model.inputs, "skops", {}, model.file)
    linear._served = linear._otherwise._served = model

    assert linear.explain(np.array([[2.0, np.nan, 1.0]])).method == "sampled"


def test_without_a_reference_or_a_number_there_is_no_explanation() -> None:
    with pytest.raises(InputError, match="needs what fraud was trained on, and it is not kept"):
        explainer_of(served())
    classes = Served("m", "d", 1, contract("multiclass_classification"), Product(), (), "skops")
    with pytest.raises(InputError, match="is not there for m: its answer is a class"):
        explainer_of(classes)


def test_an_explanation_comes_with_the_answer_where_it_is_asked_for(asked: Asked, tmp_path: Path) -> None:
    model = kept(trees(), tmp_path / "m")
    asked.serve(model)
    tensors = {"name": "x", "datatype": "FP64", "shape": [2, 3], "data": ROWS[:2].ravel().tolist()}

    body = asked.post("/v2/models/m/infer", {"inputs": [tensors], "parameters": {"explain": True}}).json()

    score, contributions, baseline = body["outputs"]
    assert contributions["parameters"] == {"method": "tree_shap", "space": "log odds", "inputs": "a,b,c"}
    odds = np.reshape(contributions["data"], contributions["shape"]).sum(axis=1) + baseline["data"]
    assert np.allclose(1 / (1 + np.exp(-odds)), score["data"], atol=1e-5)
    assert len(asked.log.records) == 2
    assert 'model_infer_explained_total{model="m",version="1"} 1' in asked.get("/metrics").text
    plain = asked.post("/v2/models/m/infer", {"inputs": [tensors]}).json()
    assert len(plain["outputs"]) == 1


@pytest.mark.parametrize(
    ("explain", "status", "words"),
    [("yes", 400, "parameters.explain: must be true or false, got 'yes'"), (True, 400, "needs what fraud was trained")],
)
def test_what_cannot_be_explained_is_refused_and_not_logged(
    explain: Any, status: int, words: str, asked: Asked
) -> None:
    tensors = {"name": "x", "datatype": "FP64", "shape": [1, 4], "data": [1, 1, 1, 1]}

    answer = asked.post("/v2/models/fraud/infer", {"inputs": [tensors], "parameters": {"explain": explain}})

    assert answer.status_code == status
    assert words in json.loads(answer.content)["error"]
    assert asked.log.records == []
