"""The monitor of intervals: too narrow and too wide are told, chance and what is only new are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from tests.ml.watch.elsewhere import Elsewhere
from tests.ml.watch.life import NOON

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ml.contract import parse_contract
from wellkept.ml.estimate.reading import Histories
from wellkept.ml.interval import learned
from wellkept.ml.releases import INTERVAL_ROWS
from wellkept.ml.watch.base import Served
from wellkept.ml.watch.monitors.coverage import Coverage
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.serving import Histograms

CONTRACT = parse_contract("""
name: demand
task: regression
owner: stores
inputs: [{name: x}]
output: {interval: 0.8}
metrics: {primary: mae}
monitors: {performance: {window_s: 1209600, min_labels: 200}}
""")
A_DAY = 50


@dataclass
class Shop:
    """Fifty answers a day, each with the interval of a version that was judged on five hundred rows."""

    seed: int

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.interval = learned(0.8, self.random.normal(50, 10, 500), np.full(500, 50.0))

    def served(self, truth: np.ndarray, digest: str = "a") -> Served:
        bounds, at = (
            self.interval.bounds(np.full(len(truth), 50.0)),
            NOON.timestamp() + np.linspace(0, 1728.0 * len(truth), len(truth)),
        )
        version = ModelVersion("demand", f"sha256:{digest * 64}", NOON, "", "onnx", "", lineage={INTERVAL_ROWS: "500"})
        nothing, none = Histograms(np.empty(0), {}, {}), np.empty(0, dtype=np.int64)
        scores = np.full(len(truth), 50.0)
        version = replace(version, number=1 if digest == "a" else 2)
        return Served(CONTRACT, version, {}, nothing, none, 1.0, {}, at, scores=scores, labels=truth, bounds=bounds)


def test_noise_that_doubles_is_told_with_its_beginning_though_answers_are_right_on_average() -> None:
    shop = Shop(4)
    truth = np.r_[shop.random.normal(50, 10, 450), shop.random.normal(50, 20, 250)]
    (finding,) = Coverage().watch(shop.served(truth), NOON).findings
    assert (finding.kind, finding.severity) == (FindingKind.PERFORMANCE, Severity.ERROR)
    assert "of the newest 200 truths lay in the 80 % intervals" in finding.sentence
    values = finding.evidence[0].values
    assert 0.4 < values["coverage"] < 0.6
    assert values["coverage_low"] < values["coverage"] < values["coverage_high"] < 0.8
    assert abs(finding.starts_at.timestamp() - NOON.timestamp() - 450 * 1728.0) < 86_400

    open_ones = {finding.fingerprint: finding}
    nearly = replace(shop.served(shop.random.normal(50, 10, 400)), open=open_ones)
    assert Coverage().watch(nearly, NOON).clear == {finding.fingerprint}
    new = replace(shop.served(truth[:40], "b"), open=open_ones)
    assert Coverage().watch(new, NOON).clear == {finding.fingerprint}  # a version that nobody knows yet
    assert Coverage().watch(replace(shop.served(truth[:40]), open=open_ones), NOON).clear == frozenset()


def test_intervals_that_are_too_wide_are_a_warning() -> None:
    shop = Shop(2)
    (finding,) = Coverage().watch(shop.served(shop.random.normal(50, 4, 400)), NOON).findings
    assert finding.severity is Severity.WARNING
    assert finding.attributes["title"] == "Intervals of demand are wider than they need be"


def test_nothing_is_said_without_intervals() -> None:
    served = Shop(3).served(np.zeros(400))
    assert not Coverage().watch(replace(served, bounds=None), NOON).findings
    bounds = replace(served.bounds, lower=np.full(400, np.nan))  # type: ignore[type-var]
    assert not Coverage().watch(replace(served, bounds=bounds), NOON).findings


@pytest.mark.parametrize(("daily", "most"), [(0.0, 0.15), (6.0, 0.3)])
def test_chance_is_told_in_few_months(daily: float, most: float) -> None:
    """Looked at every day of a month, with labels of 14 days; ``daily``: all answers of a day are off together."""
    months = 40
    told = 0
    for seed in range(months):
        shop, count = Shop(seed), A_DAY * 44
        truth = shop.random.normal(50, 10, count)
        if daily:
            off = shop.random.normal(0, daily, 54).repeat(A_DAY)
            truth += off[:count]
            shop.interval = learned(0.8, shop.random.normal(50, np.hypot(10, daily), 500), np.full(500, 50.0))
        windows = (truth[day * A_DAY : (day + 14) * A_DAY] for day in range(30))
        told += any(Coverage().watch(shop.served(window), NOON).findings for window in windows)
    assert told / months <= most


LIFE = """
name: demand
task: regression
owner: stores
inputs: [{name: x}]
output: {interval: 0.8}
label: {delay_s: 60}
metrics: {primary: mae}
monitors:
  drift: {window_s: 600, min_rows: 100}
  performance: {window_s: 600, min_labels: 200, drop: 3.0}
"""


def test_what_a_model_elsewhere_says_of_its_intervals_is_watched_and_told_over_time(elsewhere: Elsewhere) -> None:
    """Quantiles of a team's own, sent with each answer: noise doubles, and the mean error stays within its limit."""
    elsewhere.contract, elsewhere.model = LIFE, "demand"
    elsewhere.attach("7", 200)
    random = np.random.default_rng(5)

    def live(start: int, end: int, noise: float) -> None:
        elsewhere.at(end)
        moments = [NOON + timedelta(seconds=second) for second in range(start, end)]
        elsewhere.outcomes.predictions(
            [
                {
                    "id": f"p{at.timestamp()}",
                    "time": at.isoformat(),
                    "model": "demand",
                    "version": "7",
                    "score": 5.0,
                    "lower": 5.0 - 1.2816,
                    "upper": 5.0 + 1.2816,
                    "features": {"x": float(random.random())},
                }
                for at in moments
            ]
        )
        elsewhere.outcomes.labels(
            [{"prediction_id": f"p{at.timestamp()}", "value": random.normal(5, noise)} for at in moments]
        )

    live(0, 900, 1.0)
    said = {"lower": "nan", "upper": "inf"}  # attributes of a team's own, as texts
    row = {"id": "odd", "time": NOON.isoformat(), "model": "demand", "version": "7", "score": 5.0, "attributes": said}
    elsewhere.outcomes.predictions([row])
    elsewhere.outcomes.labels([{"prediction_id": "odd", "value": 5.0}])
    assert not _of(elsewhere.look(960))
    live(900, 1500, 2.0)
    (finding,) = _of(elsewhere.look(1560))
    assert "truths lay in the 80 % intervals of demand, version 7" in finding.sentence
    assert abs((finding.starts_at - NOON).total_seconds() - 900) < 120

    histories = Histories(elsewhere.telemetry.arrivals, elsewhere.telemetry.serving)
    (champion,) = elsewhere.releases.champions()
    told = histories.of(elsewhere.releases.contract(champion), champion, {}, (), NOON + timedelta(seconds=1560))
    assert told.promised_coverage == 0.8
    assert sum(one.labels for one in told.intervals) == 1500
    first, last = told.intervals[0], told.intervals[-1]
    assert first.low < 0.8 < first.high
    assert last.high < 0.65
    assert first.width == pytest.approx(2 * 1.2816)
    assert first.pinball < last.pinball


def _of(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.detector == "coverage"]
