"""Metrics agree with scikit-learn on any rows, and say NaN where they have no meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from wellkept.ml.metrics import METRICS, Array, average_precision, brier, interval, mae, paired_interval, rmse, roc_auc
from wellkept.ml.tasks import LOWER_IS_BETTER, ROW_METRICS

FEW = st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0])
"""Scores that tie often."""


@st.composite
def cases(draw: st.DrawFn, both: bool = True) -> tuple[Array, Array]:
    """Labels (of both classes, where asked) and scores, ties among them."""
    count = draw(st.integers(2 if both else 1, 40))
    label = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    if both:
        label[0], label[1] = True, False
    score = draw(st.lists(FEW | st.floats(0, 1), min_size=count, max_size=count))
    return np.array(label, dtype=np.float64), np.array(score)


def same(ours: float, theirs: Any) -> None:
    assert ours == pytest.approx(float(theirs), abs=1e-9)


@settings(deadline=None)
@given(cases())
def test_average_precision_is_that_of_scikit_learn(case: tuple[Array, Array]) -> None:
    same(average_precision(*case), reference.average_precision_score(*case))


@settings(deadline=None)
@given(cases())
def test_roc_auc_is_that_of_scikit_learn(case: tuple[Array, Array]) -> None:
    same(roc_auc(*case), reference.roc_auc_score(*case))


@settings(deadline=None)
@given(cases())
def test_brier_is_that_of_scikit_learn(case: tuple[Array, Array]) -> None:
    same(brier(*case), reference.brier_score_loss(*case))


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=30))
def test_errors_are_those_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    label, score = np.array(pairs).T
    same(rmse(label, score), reference.root_mean_squared_error(label, score))
    same(mae(label, score), reference.mean_absolute_error(label, score))


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case: tuple[Array, Array], random: Any) -> None:
    order = list(range(len(case[0])))
    random.shuffle(order)

    for name, metric in METRICS.items():
        assert metric(*case) == pytest.approx(metric(case[0][order], case[1][order])), name


@pytest.mark.parametrize("metric", [average_precision, roc_auc])
def test_ranking_without_positives_has_no_meaning(metric: Callable[[Array, Array], float]) -> None:
    assert np.isnan(metric(np.zeros(5), np.linspace(0, 1, 5)))


def test_ranking_without_negatives() -> None:
    assert np.isnan(roc_auc(np.ones(5), np.linspace(0, 1, 5)))
    assert average_precision(np.ones(5), np.linspace(0, 1, 5)) == 1.0


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_have_no_metric(name: str) -> None:
    nothing = np.empty(0)

    assert np.isnan(METRICS[name](nothing, nothing))
    assert np.isnan(interval(METRICS[name], nothing, nothing, 1)).all()
    assert np.isnan(paired_interval(METRICS[name], nothing, nothing, nothing, 1)).all()


def test_the_contract_knows_every_metric_and_its_direction() -> None:
    assert {name for names in ROW_METRICS.values() for name in names} == {*METRICS, "mase", "rmsse"}
    perfect, wrong = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    for name, metric in METRICS.items():
        is_lower_better = metric(perfect, perfect) < metric(perfect, wrong)
        assert is_lower_better == (name in LOWER_IS_BETTER), name


@settings(deadline=None, max_examples=25)
@given(cases(), st.integers(0, 1000))
def test_intervals_are_the_same_for_the_same_seed(case: tuple[Array, Array], seed: int) -> None:
    label, score = case
    low, high = interval(brier, label, score, seed, rounds=50)

    assert (low, high) == interval(brier, label, score, seed, rounds=50)
    assert low <= high
    paired = paired_interval(brier, label, score, score[::-1], seed, rounds=50)
    assert paired == paired_interval(brier, label, score, score[::-1], seed, rounds=50)


def test_an_interval_holds_the_value_and_narrows_with_rows() -> None:
    random = np.random.default_rng(2)
    widths = []
    for count in (100, 10_000):
        label = (random.random(count) < 0.3).astype(np.float64)
        score = np.clip(0.3 * label + random.random(count) * 0.7, 0, 1)
        low, high = interval(roc_auc, label, score, 1)
        assert low < roc_auc(label, score) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_two_models_that_score_alike_differ_by_nothing() -> None:
    label, score = np.array([0.0, 1.0] * 50), np.linspace(0, 1, 100)

    assert paired_interval(roc_auc, label, score, score, 1) == (0.0, 0.0)


def test_an_interval_of_a_metric_that_has_seldom_a_meaning() -> None:
    label, score = np.zeros(20), np.linspace(0, 1, 20)

    assert np.isnan(interval(roc_auc, label, score, 1)).all()
