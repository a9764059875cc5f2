"""Slow loss: a slope is told with its interval, and when it meets the floor."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.ml.estimate.trend import trend

DAY = 86_400.0


def test_a_steady_loss_is_dated() -> None:
    at = np.arange(40, dtype=np.float64) * DAY
    value = 0.9 - 0.002 * np.arange(40, dtype=np.float64) + np.random.default_rng(2).normal(0, 0.004, 40)
    found = trend(at, value, 0.8, lower_is_better=False)
    assert found is not None
    assert found.is_falling
    assert found.slope == pytest.approx(-0.002, abs=0.0004)
    assert found.days == pytest.approx(11, abs=4)
    assert found.days is not None
    assert found.soonest is not None
    assert found.soonest <= found.days <= (found.latest or np.inf)


def test_of_a_loss_metric_falling_is_rising() -> None:
    at = np.arange(40, dtype=np.float64) * DAY
    found = trend(at, 1.0 + 0.01 * np.arange(40, dtype=np.float64), 1.5, lower_is_better=True)
    assert found is not None
    assert found.is_falling
    assert found.days == pytest.approx(11, abs=1)
    better = trend(at, 2.0 - 0.01 * np.arange(40, dtype=np.float64), 2.5, lower_is_better=True)
    assert better is not None
    assert not better.is_falling
    assert better.days is None


def test_what_is_below_already_is_there_and_few_points_say_nothing() -> None:
    at = np.arange(20, dtype=np.float64) * DAY
    found = trend(at, np.full(20, 0.5), 0.6, lower_is_better=False)
    assert found is not None
    assert found.days == 0.0
    assert trend(at[:7], np.full(7, 0.5), 0.4, lower_is_better=False) is None


def test_holes_and_outliers_change_little() -> None:
    at = np.arange(40, dtype=np.float64) * DAY
    value = 0.9 - 0.002 * np.arange(40, dtype=np.float64)
    value[[5, 20]] = [0.2, np.nan]
    found = trend(at, value, 0.7, lower_is_better=False)
    assert found is not None
    assert found.slope == pytest.approx(-0.002, abs=0.0002)
