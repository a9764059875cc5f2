"""Counts in bins are enough: metrics of them are those of the rows, and calibration rises as it must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ml.estimate.binned import BINARY, CLASSES
from wellkept.ml.estimate.calibration import isotonic, maps
from wellkept.ml.metrics import METRICS


@given(st.integers(0, 10_000), st.integers(2, 19), st.integers(20, 300))
def test_of_scores_that_are_bins_every_metric_is_that_of_the_rows(seed: int, kinds: int, count: int) -> None:
    random = np.random.default_rng(seed)
    levels = np.sort(random.random(kinds))
    place = random.integers(0, kinds, count)
    label = (random.random(count) < levels[place]).astype(float)
    positive = np.bincount(place, label, minlength=kinds)[None, :].astype(np.float64)
    negative = np.bincount(place, 1 - label, minlength=kinds)[None, :].astype(np.float64)
    for name in ("roc_auc", "average_precision", "brier", "log_loss"):
        found = float(BINARY[name](positive, negative, levels)[0])
        assert found == pytest.approx(METRICS[name](label, levels[place]), nan_ok=True)


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 200))
def test_of_many_classes_the_confusion_is_enough(seed: int, kinds: int, count: int) -> None:
    random = np.random.default_rng(seed)
    named, true = random.integers(0, kinds, count).astype(float), random.integers(0, kinds, count).astype(float)
    confusion = np.zeros((1, kinds, kinds))
    np.add.at(confusion[0], (named.astype(int), true.astype(int)), 1.0)
    for name, metric in CLASSES.items():
        assert float(metric(confusion)[0]) == pytest.approx(METRICS[name](true, named))


def test_narrow_bins_lose_hardly_anything() -> None:
    random = np.random.default_rng(3)
    score = random.beta(1, 8, 20_000)
    label = (random.random(20_000) < score).astype(float)
    edges = np.unique(np.quantile(score, np.linspace(0, 1, 120)[1:-1]))
    place = np.searchsorted(edges, score, side="left")
    rows = np.bincount(place).astype(np.float64)
    mean = np.bincount(place, score) / rows
    positive = np.bincount(place, label)[None, :].astype(np.float64)
    for name in ("roc_auc", "average_precision", "brier", "calibration_error"):
        found = float(BINARY[name](positive, rows - positive, mean)[0])
        assert found == pytest.approx(METRICS[name](label, score), abs=0.006)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 50)), min_size=1, max_size=30))
def test_what_is_made_rising_keeps_its_mean_and_leaves_alone_what_rises(pairs: list[tuple[float, float]]) -> None:
    chance, rows = (np.array(column) for column in zip(*pairs, strict=True))
    found = isotonic(chance, rows)
    assert (np.diff(found) >= -1e-12).all()
    assert found @ rows == pytest.approx(chance @ rows)
    rising = np.sort(chance)
    assert isotonic(rising, rows) == pytest.approx(rising)


def test_maps_are_drawn_wider_where_fewer_labels_are() -> None:
    rows = np.full(20, 400.0)
    few, many = (maps(0.3 * rows * part, rows * part, 50, np.random.default_rng(0)) for part in (0.02, 1.0))
    assert few[1:].std() > 3 * many[1:].std()
    assert (np.diff(few, axis=1) >= -1e-12).all()
