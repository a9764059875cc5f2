"""Monitors of performance: late positives are no loss, estimates speak while they are valid, slow loss is dated."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from tests.ml.watch.conftest import Watched, after
from tests.ml.watch.life import NOON

from wellkept.kernel.finding import FindingKind
from wellkept.ml.estimate.asking import Performance
from wellkept.ml.estimate.history import Arrivals, PerformanceHistory, Told
from wellkept.ml.estimate.reading import Histories
from wellkept.ml.estimate.trend import Trend, trend
from wellkept.ml.releases import PROMISE_ERROR
from wellkept.ml.watch.base import Served
from wellkept.ml.watch.chance import errors
from wellkept.ml.watch.monitors.estimated import EstimatedPerformance
from wellkept.ml.watch.monitors.performance import Performance as Realised
from wellkept.ml.watch.monitors.slowloss import SlowLoss, is_told

NOW = NOON + timedelta(seconds=900)


def history(**more: object) -> PerformanceHistory:
    base = PerformanceHistory("fraud", 1, "average_precision", False, 0.8, 0.65, NOW, 150.0, rows=2000)
    return replace(base, **more)  # type: ignore[arg-type]


@pytest.fixture
def served(watched: Watched) -> Served:
    watched.life.live(0, 60)
    (champion,) = watched.releases.champions()
    return watched.runner._served(watched.releases.contract(champion), champion, after(90))


def test_an_estimate_below_the_floor_is_told_while_it_is_valid(served: Served) -> None:
    monitor, low = EstimatedPerformance(), Told(0.55, 0.5, 0.6)
    (finding,) = monitor.watch(replace(served, history=history(now=low)), NOW).findings
    assert finding.kind is FindingKind.PERFORMANCE
    assert "estimated at 0.550" in finding.sentence
    invalid = monitor.watch(replace(served, history=history(now=replace(low, reason="x is broken"))), NOW)
    assert (invalid.findings, len(invalid.clear)) == ((), 1)
    unsure = monitor.watch(replace(served, history=history(now=Told(0.6, 0.5, 0.66))), NOW)
    assert unsure.findings == ()
    still = replace(served, open={finding.fingerprint: finding}, history=history(now=Told(0.7, 0.6, 0.81)))
    assert len(monitor.watch(still, NOW).findings) == 1
    assert monitor.watch(replace(served, history=None), NOW).findings == ()
    assert monitor.watch(replace(served, history=history(now=low, rows=10)), NOW).clear == frozenset()


def falling(days: int, slope: float) -> Trend | None:
    at = np.arange(days, dtype=np.float64) * 86_400.0
    noise = np.random.default_rng(4).normal(0, 0.003, days)
    return trend(at, 0.8 - slope * np.arange(days) + noise, 0.65, lower_is_better=False)


@pytest.mark.parametrize(("latest", "told"), [(60.0, True), (2732.0, False), (None, False)])
def test_a_date_that_may_as_well_be_years_away_is_not_told_and_ends_nothing(latest: float | None, told: bool) -> None:
    slow = Trend(-0.004, -0.007, -0.0001, 0.75, 0.6, 37.5, 25.0, latest, 40, is_falling=True)
    assert is_told(slow, 0.8, 40.0, is_open=False) is told
    assert is_told(slow, 0.8, 40.0, is_open=True)


def test_slow_loss_says_when_the_floor_is_met(served: Served) -> None:
    slow = history(trend=falling(40, 0.003), step_s=86_400.0)
    (finding,) = SlowLoss().watch(replace(served, history=slow), NOW).findings
    assert finding.kind is FindingKind.FORECAST
    assert "below its floor of 0.650 in" in finding.sentence
    assert "days" in finding.sentence
    steady = SlowLoss().watch(replace(served, history=history(trend=falling(40, 0.0), step_s=86_400.0)), NOW)
    assert (steady.findings, len(steady.clear)) == ((), 1)
    fallen = history(trend=falling(60, 0.004), step_s=86_400.0)
    assert SlowLoss().watch(replace(served, history=fallen), NOW).findings == ()


def test_positives_that_are_still_to_come_and_chance_in_the_promise_are_allowed_for(served: Served) -> None:
    random = np.random.default_rng(9)
    score = random.beta(1, 3, 6000)
    label = (random.random(6000) < score).astype(float)
    at = np.linspace(NOW.timestamp() - 900 * 86_400.0, NOW.timestamp() - 30, 6000)  # those that count: of a month
    here = (label == 0) | (random.random(6000) < 0.3)
    ages = tuple(float(age) for age in range(0, 700, 50))
    shares = {"negative": (1.0,) * len(ages), "positive": (0.0, *(0.3,) * (len(ages) - 1))}
    seen = replace(served, at=at[here], scores=score[here], labels=label[here], history=history())
    promised = {"average_precision": 0.56}
    seen = replace(seen, champion=replace(served.champion, metrics=promised))
    (fallen,) = Realised().watch(seen, NOW).findings
    assert fallen.evidence[0].values["promised_error"] == 0.0
    unsure = replace(seen, champion=replace(seen.champion, lineage={PROMISE_ERROR: "0.2"}))
    assert Realised().watch(unsure, NOW).findings == ()
    allowed = replace(seen, history=history(arrivals=Arrivals(ages, shares, 1.0)))
    assert Realised().watch(allowed, NOW).findings == ()


@pytest.mark.parametrize(("days", "looks_a_day"), [(0.5, 8), (2, 1), (5, 1), (15, 1), (30, 1), (60, 1)])
def test_chance_passes_for_a_drop_in_one_month_of_ten_at_most(days: float, looks_a_day: int) -> None:
    """Windows that move over a month of labels of a model that keeps its promise, in their standard errors."""
    random, span = np.random.default_rng(3), round(days * looks_a_day)
    noise = random.normal(size=(4000, 30 * looks_a_day + span))
    sums = np.cumsum(np.pad(noise, ((0, 0), (1, 0))), axis=1)
    windows = (sums[:, span:] - sums[:, :-span]) / np.sqrt(span)

    alarmed = (windows[:, 1:] > errors(days * 86_400.0)).any(axis=1).mean()

    assert 0.03 < alarmed < 0.115


def test_a_drop_of_few_labels_a_month_is_believed_sooner_than_one_of_many_windows() -> None:
    assert [round(errors(days * 86_400.0), 1) for days in (0.0, 1, 10, 30, 90)] == [3.6, 3.2, 2.5, 2.1, 2.1]


def test_the_history_of_a_live_model_from_the_store(watched: Watched) -> None:
    watched.life.live(0, 900)
    watched.life.live(900, 1050, outage=True)
    watched.tick(1040)
    histories = Histories(watched.telemetry.arrivals, watched.telemetry.serving)
    performance = Performance(watched.registry, watched.releases, histories, watched.stream)
    told = performance.told("fraud", after(1050))
    lived = [one for one in told["cohorts"] if one["predictions"]]
    assert sum(one["predictions"] for one in lived) == 1050 * 20
    assert lived[0]["share"] == 1.0
    assert lived[0]["value"] == pytest.approx(told["promised"], abs=0.08)
    believed = [one for one in lived if one["estimate"]["is_valid"]]
    assert believed
    assert all(abs(one["estimate"]["value"] - one["value"]) < 0.1 for one in believed)
    assert lived[-1]["estimate"]["reason"]
    assert not told["now"]["is_valid"]
    assert "value" in told["now"]["reason"]
    labels = performance.labels("fraud", after(1050))
    assert set(labels["arrivals"]["shares"]) == {"negative", "positive"}
    assert datetime.fromisoformat(labels["cohorts"][0]["start"]).tzinfo is not None
    assert performance.of("fraud", after(1050)) is performance.of("fraud", after(1051))


def test_the_first_predictions_are_there_at_once(watched: Watched) -> None:
    """A cohort may be of days, and what was told of it holds for hours: of nothing it does not."""
    histories = Histories(watched.telemetry.arrivals, watched.telemetry.serving)
    performance = Performance(watched.registry, watched.releases, histories, watched.stream)
    assert performance.told("fraud", after(901))["cohorts"] == []

    watched.life.live(890, 902)

    cohorts = performance.told("fraud", after(903))["cohorts"]
    assert sum(one["predictions"] for one in cohorts) == 12 * 20
