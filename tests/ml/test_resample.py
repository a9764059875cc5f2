"""The vectorised bootstrap: a weighted metric is the metric of rows that are repeated as often as their weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkept.ml.metrics import METRICS
from wellkept.ml.resample import ROUNDS, draws, narrower, ratio, weighted

BINARY = ("average_precision", "roc_auc", "brier", "rmse", "mae", "log_loss", "accuracy", "macro_f1", "wape")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=25),
    st.sampled_from(BINARY),
)
def test_weights_are_repetitions(rows: list[tuple[float, int, int]], name: str) -> None:
    label, score, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    score = score / 5
    repeated = np.repeat(np.arange(len(rows)), weight.astype(int))

    found = weighted(name, label, score)(weight[None, :])[0]

    expected = METRICS[name](label[repeated], score[repeated]) if len(repeated) else float("nan")
    assert np.allclose(found, expected, equal_nan=True)


def test_the_error_of_calibration_is_over_the_bins_of_all_rows() -> None:
    random = np.random.default_rng(1)
    label, score = (random.random(300) < 0.3).astype(float), random.random(300)

    found = weighted("calibration_error", label, score)(np.ones((1, 300)))[0]

    assert found == pytest.approx(METRICS["calibration_error"](label, score))


@pytest.mark.parametrize("name", METRICS)
def test_without_rows_or_with_scores_that_are_no_numbers_a_metric_means_nothing(name: str) -> None:
    none = np.empty(0)

    assert np.isnan(weighted(name, none, none)(np.ones((3, 0)))).all()
    assert np.isnan(weighted(name, np.ones(2), np.array([0.5, np.nan]))(np.ones((3, 2)))).all()


@pytest.mark.parametrize("name", METRICS)
def test_some_rows_are_measured_as_if_there_were_no_others(name: str) -> None:
    random = np.random.default_rng(2)
    label, score, weights = (random.random(60) < 0.5).astype(float), random.random(60), random.integers(0, 3, (4, 60))
    rows = np.arange(10, 50)

    found = weighted(name, label, score, rows)(weights.astype(float))

    assert np.array_equal(found, weighted(name, label[rows], score[rows])(weights[:, rows].astype(float)))


def test_rows_of_a_group_are_drawn_together() -> None:
    group = np.array([0, 0, 1, 1, 1, 2])
    counts = [ratio((group == one).astype(float), np.ones(6)) for one in range(3)]

    shares = np.array(draws(counts, 6, group, 3))

    size = np.array([2.0, 3.0, 1.0])[:, None]
    times = shares / size * (size * 3).sum() / 6
    assert shares.shape == (3, ROUNDS)
    assert np.allclose(shares.sum(axis=0), 1.0)
    assert len(np.unique(np.round(times, 3))) < 60, "a group is drawn none, once, twice or three times"


def test_the_same_seed_draws_the_same_and_metrics_share_their_draws() -> None:
    score = np.linspace(0, 1, 50)
    metric = weighted("mae", np.zeros(50), score)

    first, second = draws([metric, metric], 50, None, 4)

    assert np.array_equal(first, second)
    assert np.array_equal(first, draws([metric], 50, None, 4)[0])
    assert not np.array_equal(first, draws([metric], 50, None, 5)[0])


def test_of_many_rows_fewer_are_drawn_and_the_spread_is_narrowed() -> None:
    assert narrower(100, None) == 1.0
    assert narrower(80_000, None) == 0.5
    assert narrower(80_000, np.zeros(80_000, dtype=np.int64)) == 1.0
