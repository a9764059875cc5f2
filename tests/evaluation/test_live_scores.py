"""What ``wellkept eval detect`` measures is what runs: live, the same series get the same scores step by step."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.evaluation.curves import Curve
from wellkept.evaluation.streams import stream
from wellkept.ops.detect.baseline import SHIPPED
from wellkept.ops.detect.feed import Fed
from wellkept.ops.detect.learned import Learned
from wellkept.store.telemetry.window import SeriesInfo, Window

STEP_S = 60.0
STEPS = 900
WINDOW = 30


def recorded(metrics: int) -> Curve:
    """Hours of metrics with a daily rhythm, holes, and trouble at the end of them."""
    random = np.random.default_rng(metrics)
    times = 1_793_577_600.0 + STEP_S * np.arange(1, STEPS + 1, dtype=np.float64)
    day = np.sin(2 * np.pi * times / 86_400)[:, None]
    values = 100 + 20 * day + random.normal(0, 5, (STEPS, metrics))
    values[800:830] += 60
    values[random.random(values.shape) < 0.02] = np.nan
    names = tuple(f"m{n}" for n in range(metrics)) if metrics > 1 else ()
    return Curve("it", "it", times, values, np.zeros(STEPS, bool), 0, names)


@pytest.mark.parametrize("metrics", [1, 5])
def test_live_scores_are_those_that_are_measured(metrics: int) -> None:
    curve = recorded(metrics)
    (measured,), _ = stream([curve], SHIPPED)
    series = tuple(SeriesInfo(n + 1, f"m{n}", "1", "gauge", "host:it") for n in range(metrics))
    learned = Learned(STEP_S)
    sudden, unusual, over = [], [], []
    for end in range(1, STEPS + 1):
        first = max(0, end - WINDOW)
        window = Window(curve.times[first:end], curve.values[first:end], series)
        empty = Window(window.times, np.empty((end - first, 0)), ())
        fed = Fed(window, empty, empty, empty, 1)
        limit = learned.thresholds(fed, 1.0)["metrics"][0] if end > 1 else np.inf
        if metrics > 1:
            limit = learned.entities(fed, 1.0).threshold[0]
        learned.learn(fed)
        if metrics > 1:
            said = learned.entities(fed, 1.0)
            sudden.append(said.size[-1, 0])
            unusual.append(said.rarity[-1, 0])
            over.append(said.rarity[-1, 0] >= limit)
        else:
            scores = learned.scores(fed)["metrics"]
            sudden.append(scores.sudden[-1, 0])
            unusual.append(scores.unusual[-1, 0])
            over.append(scores.sudden[-1, 0] >= limit)
    np.testing.assert_allclose(sudden, measured.sudden, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(unusual, measured.alarm if metrics > 1 else measured.unusual, rtol=5e-3, atol=5e-3)
    assert np.mean(np.array(over) == measured.over) > 0.999
    assert measured.over[800:830].any()
