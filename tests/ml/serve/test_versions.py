"""Several versions at once: who answers, who is only tried, and what the log and the metrics say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.app.running import until
from tests.ml.serve.doors import DIGEST, Asked, one, served

from wellkept.kernel.errors import WellkeptError
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve import shadows as module

INFER = "/v2/models/fraud/infer"


class Hundred:
    """Scores everything 100."""

    def score(self, rows: Matrix) -> Scores:
        return np.full(len(rows), 100.0)


class Broken:
    def score(self, rows: Matrix) -> Scores:
        raise WellkeptError("no such operator")


def versions(asked: Asked, scorer: Any, **listed: Any) -> None:
    """Version 7 as the champion, and version 8 beside it, listed as is said."""
    other = replace(served(scorer=scorer), digest="sha256:8", version=8, deployment=listed)
    asked.models.put("fraud", [served(), other])


def test_a_challenger_answers_its_share_and_its_arm_is_logged(asked: Asked) -> None:
    versions(asked, Hundred(), role="challenger", share=1.0, salt="s")

    body = asked.post(INFER, {"inputs": one()}).json()

    assert (body["model_version"], body["outputs"][0]["data"]) == ("8", [100.0])
    assert asked.log.records[0]["version"] == "sha256:8"
    assert asked.log.records[0]["attributes"] == {"arm": "challenger"}
    assert asked.instrument.arms[0][0] == "challenger"


def test_an_address_that_names_a_version_goes_by_no_traffic(asked: Asked) -> None:
    versions(asked, Hundred(), role="challenger", share=1.0, salt="s")

    for name, expected in (("7", [3.5]), ("8", [100.0]), (DIGEST, [3.5])):
        body = asked.post(f"/v2/models/fraud/versions/{name}/infer", {"inputs": one()}).json()
        assert body["outputs"][0]["data"] == expected
    assert [record["attributes"] for record in asked.log.records] == [{}, {}, {}]
    missing = asked.post("/v2/models/fraud/versions/9/infer", {"inputs": one()})
    assert (missing.status_code, missing.json()["error"]) == (404, "model fraud: serves versions 7, 8, got '9'")


def test_metadata_and_readiness_name_every_version(asked: Asked) -> None:
    versions(asked, Hundred(), role="standby")

    assert asked.get("/v2/models/fraud").json()["versions"] == ["7", "8"]
    assert asked.get("/v2/health/ready").json()["versions"] == {"fraud": [7, 8]}
    assert asked.get("/v2/health/ready").json()["models"] == {"fraud": 7}


def test_a_shadow_is_tried_and_logged_and_changes_no_answer(asked: Asked) -> None:
    versions(asked, Hundred(), role="shadow", salt="s")

    body = asked.post(INFER, {"inputs": one(), "parameters": {"prediction_id": "order", "entity_key": "card"}}).json()
    until(lambda: len(asked.log.records) == 2, "the shadow is tried")

    assert body["outputs"][0]["data"] == [3.5]
    given, shadow = sorted(asked.log.records, key=lambda record: len(record["id"]))
    assert (given["id"], given["score"]) == ("order", 3.5)
    assert (shadow["id"], shadow["score"], shadow["version"]) == ("order~8", 100.0, "sha256:8")
    assert shadow["attributes"] == {"arm": "shadow", "shadow_of": "order"}
    assert (shadow["entity_key"], shadow["features"]) == (given["entity_key"], given["features"])
    assert shadow["time"] == given["time"]


@pytest.mark.parametrize(
    "body",
    [{"instances": [[1, 2, False, 0.5]]}, {"dataframe_records": [{"amount": 1, "count": 2, "foreign": 0, "risk": 1}]}],
)
def test_a_shadow_is_tried_whatever_the_form(body: Any, asked: Asked) -> None:
    versions(asked, Hundred(), role="shadow", salt="s")
    assert asked.post("/invocations", body).status_code == 200
    until(lambda: len(asked.log.records) == 2, "the shadow is tried")


def test_a_shadow_that_fails_costs_the_caller_nothing_and_is_counted(asked: Asked) -> None:
    versions(asked, Broken(), role="shadow", salt="s")

    assert asked.post(INFER, {"inputs": one()}).status_code == 200
    until(lambda: asked.instrument.failures, "the failure is noted")

    assert asked.instrument.failures == ["no such operator"]
    assert ("shadow", -1) in asked.instrument.arms
    assert len(asked.log.records) == 1
    assert 'model_shadow_total{model="fraud",version="8",outcome="failed"} 1' in asked.get("/metrics").text


def test_shadows_that_cannot_keep_up_are_left_out_and_counted(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 0)
    versions(asked, Hundred(), role="shadow", salt="s")

    assert asked.post(INFER, {"inputs": one()}).status_code == 200

    assert 'outcome="dropped"} 1' in asked.get("/metrics").text


def test_metrics_count_by_model_and_version(asked: Asked) -> None:
    asked.post(INFER, {"inputs": one()})
    asked.post(INFER, {"inputs": one(amount=None)})
    asked.post("/v2/models/nobody/infer", {"inputs": one()})

    answer = asked.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'model_infer_request_success_total{model="fraud",version="7"} 1',
        'model_infer_rows_total{model="fraud",version="7"} 1',
        'model_infer_request_duration_seconds_count{model="fraud",version="7"} 1',
        'model_infer_request_failure_total{model="fraud",version="",status="400"} 1',
        'model_infer_request_failure_total{model="",version="",status="404"} 1',
        "prediction_log_backlog 3",
        "prediction_log_dropped_total 1",
    ):
        assert line in lines
    buckets = [line for line in lines if line.startswith("model_infer_request_duration_seconds_bucket")]
    counts = [int(line.split()[-1]) for line in buckets]
    assert counts == sorted(counts)
    assert buckets[-1].endswith('le="+Inf"} 1')


def test_a_model_that_fails_is_counted_against_its_version(asked: Asked) -> None:
    asked.serve(served(scorer=Broken()))

    assert asked.post(INFER, {"inputs": one()}).status_code == 500

    assert 'failure_total{model="fraud",version="7",status="500"} 1' in asked.get("/metrics").text
    assert asked.instrument.failures == ["no such operator"]


@pytest.mark.parametrize("address", [INFER, "/models/fraud/invocations", "/invocations"])
def test_while_nothing_is_loaded_yet_callers_are_asked_to_come_again(
    address: str, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.serve()
    monkeypatch.setattr(asked.models, "_listed", None)

    answer = asked.post(address, {"inputs": one()})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert asked.get("/v2/health/ready").status_code == 503


def test_a_model_of_which_no_version_can_be_served_is_told_as_not_ready(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked.models, "_listed", frozenset({"fraud", "churn"}))
    monkeypatch.setattr(asked.models, "troubles", lambda: {"churn": {"1": "its process ended"}})
    assert (asked.get("/v2/health/ready").status_code, asked.get("/v2/health/live").status_code) == (503, 200)
    monkeypatch.setattr(asked.models, "_listed", frozenset({"fraud"}))
    monkeypatch.setattr(asked.models, "troubles", lambda: {"fraud": {"9": "its process ended"}})
    assert asked.get("/v2/health/ready").json()["ready"] is True
