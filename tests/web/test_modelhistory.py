"""The page of a model over weeks: what is known is drawn, and what is not says how to fill it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.web import scene as scenes
from tests.web.conftest import NOW, browsing, served
from tests.web.furniture import furnish
from tests.web.scene import Scene

from wellkept.kernel.errors import StoreError
from wellkept.ml.estimate.history import Arrivals, CohortIntervals, CohortPerformance, PerformanceHistory, Told
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.watch.spread import Spread
from wellkept.spine.registry import CHAMPION, REPORTED, WATCHED, ModelVersion

DAY = timedelta(days=1)
CONTRACT = """
name: churn
task: binary_classification
owner: growth
inputs: [{name: tenure}]
metrics: {primary: roc_auc}
"""
DECISION = {
    "at": "2026-11-20T00:00:00+00:00",
    "until": None,
    "policy": "expected_value",
    "action": "hold",
    "sentence": "Held: spend_1h has no value since its service is down.",
    "evidence": "once the incident is over",
    "numbers": {"expected_gain": 0.031, "cost": 0.005},
}


def history() -> PerformanceHistory:
    """Ten days: labels of the first seven are known, and the estimate of the last one is not to be believed."""
    cohorts = []
    for day in range(10):
        known, start = day < 7, NOW - (10 - day) * DAY
        value, low, high = (0.71, 0.66, 0.75) if known else (None, None, None)
        labels, share = (900, 0.9) if known else (100, 0.1)
        told = Told(0.72, 0.68, 0.76, reason="spend_1h is broken" if day == 9 else "")
        cohorts.append(CohortPerformance(start, start + DAY, 1000, labels, share, 0.9, value, low, high, told))
    arrivals = Arrivals((3600.0, 86_400.0), {"positive": (0.2, 0.95)}, 0.98)
    return PerformanceHistory(
        model="fraud",
        version=2,
        metric="average_precision",
        lower_is_better=False,
        promised=0.75,
        floor=0.65,
        at=NOW,
        step_s=86_400.0,
        cohorts=cohorts,
        now=cohorts[-1].estimate,
        arrivals=arrivals,
    )


def spreads() -> tuple[Spread, ...]:
    times = np.array([NOW.timestamp() + 3600.0 * hour for hour in range(3)])
    amount = Distribution((1.0, 2.0), (10, 20, 30), 0.0, 0.1)
    index, nulls = np.array([math.nan, 0.1, 0.6]), np.array([0.0, 0.0, 0.4])
    usual, now = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.3, 0.2])
    known = Spread("amount", amount, times, index, nulls, usual, now, 900)
    none = Spread(SCORE, amount, times, np.full(3, math.nan), np.full(3, math.nan), usual, None, 0)
    return known, none


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = scenes.empty(tmp_path_factory.mktemp("history"), NOW)
    furnish(made)
    yield made
    made.close()


def text_of(scene: Scene, path: str = "/models/fraud/history", **providers: object) -> str:
    shown = replace(scene, deps=replace(scene.deps, **providers))  # type: ignore[arg-type]
    with served(shown) as address, browsing(address) as client:
        return client.get(path).text


def test_it_shows_performance_labels_drift_and_decisions(page: Scene) -> None:
    text = text_of(
        page,
        performance=lambda _, __: history(),
        spreads=lambda _, __: spreads(),
        decisions=lambda _, __: [DECISION],
    )
    assert "average precision of fraud by when it predicted" in text
    assert "The newest estimate is not to be believed: spend_1h is broken" in text
    assert "half after 24.0 h" in text
    assert "PSI 0.60" in text
    assert "Held: spend_1h has no value" in text
    assert "expected gain" in text
    assert "No version was trained on data that is now known to be bad" in text


def test_what_is_not_known_says_how_to_fill_it(page: Scene) -> None:
    text = text_of(page, performance=lambda _, __: None, spreads=lambda _, __: ())
    for words in ("cannot be judged by themselves", "POST /v1/labels", "Nothing to compare yet", "Nothing was decided"):
        assert words in text


def test_it_comes_up_where_the_engine_does_not(page: Scene) -> None:
    def fails(_: str, __: object) -> None:
        raise StoreError("the engine is away")

    text = text_of(page, performance=fails)
    assert "the engine is away" in text
    assert "Nothing was decided yet" in text


def test_the_pages_of_a_model_lead_to_each_other_and_one_that_is_not_known_is_said(page: Scene) -> None:
    assert 'href="/models/fraud/history"' in text_of(page, "/models/fraud")
    assert 'href="/models/fraud"' in text_of(page)
    assert "is not known" in text_of(page, "/models/nobody/history")


def test_one_that_is_served_elsewhere_is_offered_nothing_that_would_be_refused(page: Scene) -> None:
    name = "churn"
    version = ModelVersion(name, "sha256:" + "b" * 64, NOW, "", WATCHED, "", lineage={REPORTED: "2026-11-rc1"})
    page.deps.registry.save_contract(name, CONTRACT, "sha256:c", NOW)
    page.deps.registry.register(version)
    page.deps.registry.set_alias(name, CHAMPION, version.digest, expected=None, at=NOW, by="ada")
    text = text_of(page, f"/models/{name}")
    assert "served elsewhere as 2026-11-rc1" in text
    assert "nothing here puts another in front" in text
    for refused in ("models promote", "models rollback", "is decided again and again"):
        assert refused not in text


def test_intervals_are_drawn_where_the_contract_promises_them(page: Scene) -> None:
    assert "share of truths inside" not in text_of(page, performance=lambda _, __: history())
    past = history()
    covered = [
        CohortIntervals(one.start, one.end, 900, 0.62, 0.59, 0.65, 12.5, 1.75) for one in past.cohorts if one.value
    ]
    told = replace(past, promised_coverage=0.8, intervals=covered)
    text = text_of(page, performance=lambda _, __: told)
    assert "share of truths inside the 80 % intervals of fraud by when it predicted" in text
    assert "62 % inside (59 % to 65 %), 12.5 wide, pinball loss 1.75" in text
