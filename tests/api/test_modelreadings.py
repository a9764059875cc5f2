"""How good a model is, how its labels come, and what was decided: GET below /api/v1/models/NAME."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from tests.api.serving import served
from tests.ml.watch.conftest import Watched, after, watched

from wellkept.api import decisions, errors, performance
from wellkept.kernel.clock import SettableClock
from wellkept.ml.estimate.asking import Performance
from wellkept.ml.estimate.reading import Histories
from wellkept.ml.retrain.ledger import Ledger
from wellkept.spine.audit import Audit
from wellkept.store.state.retrains import KeptDecision, RetrainRows

__all__ = ["watched"]

READINGS = ("performance", "labels", "decisions")


@pytest.fixture
def client(watched: Watched) -> Iterator[httpx.Client]:
    histories = Histories(watched.telemetry.arrivals, watched.telemetry.serving)
    told = Performance(watched.registry, watched.releases, histories, watched.stream)
    ledger = Ledger(RetrainRows(watched.state), watched.registry, Audit(watched.state))
    app = FastAPI()
    errors.install(app)
    app.include_router(performance.router(told, SettableClock(after(700))))
    app.include_router(decisions.router(ledger, watched.registry))
    with served(app) as address, httpx.Client(base_url=address) as http:
        yield http


def test_readings_of_a_live_model(watched: Watched, client: httpx.Client) -> None:
    watched.life.live(0, 660)
    found = client.get("/api/v1/models/fraud/performance").json()["performance"]
    assert (found["model"], found["metric"], found["version"]) == ("fraud", "average_precision", 1)
    assert sum(one["predictions"] for one in found["cohorts"]) == 660 * 20
    assert {"is_valid", "reason", "value"} <= found["now"].keys()
    labels = client.get("/api/v1/models/fraud/labels").json()["labels"]
    assert labels["cohorts"][0]["share"] == 1.0
    assert set(labels["arrivals"]["shares"]) == {"negative", "positive"}
    assert client.get("/api/v1/models/fraud/decisions").json() == {"decisions": [], "exclusions": []}


def test_readings_before_anything_was_asked(client: httpx.Client) -> None:
    found = client.get("/api/v1/models/fraud/performance").json()["performance"]
    assert (found["cohorts"], found["now"]["value"], found["trend"]) == ([], None, None)
    assert client.get("/api/v1/models/fraud/labels").json()["labels"]["cohorts"] == []


def test_decisions_come_newest_first_and_no_more_than_asked_for(watched: Watched, client: httpx.Client) -> None:
    rows = RetrainRows(watched.state)
    for day, action in enumerate(("none", "hold", "retrain")):
        rows.save(KeptDecision(f"d{day}", "fraud", after(day), after(day), "expected_value", action, "", f"day {day}"))
    found = client.get("/api/v1/models/fraud/decisions?limit=2").json()["decisions"]
    assert [one["action"] for one in found] == ["retrain", "hold"]
    assert client.get("/api/v1/models/fraud/decisions?limit=0").status_code == 422


@pytest.mark.parametrize("reading", READINGS)
def test_a_model_that_nobody_knows_is_said(client: httpx.Client, reading: str) -> None:
    answer = client.get(f"/api/v1/models/nobody/{reading}")
    assert answer.status_code == 404
    assert "is not known" in answer.text
