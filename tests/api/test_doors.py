"""The JSON doors on a real server: what is malformed is named, what is strange is never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.app.running import Running, running, until
from tests.cli.furnished import INCIDENT, PLANS, furnish
from tests.ml.workshop import CONTRACT, project


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("doors")
    furnish(data)
    with running(data, WELLKEPT_OPS__ENABLED="false", WELLKEPT_INGEST__MAX_BODY_MIB="1") as found:
        yield found


@pytest.fixture
def http(server: Running) -> Iterator[httpx.Client]:
    with server.http() as found:
        yield found


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


def prediction(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"id": "p1", "model": "fraud", "version": "v", "score": 0.5, "time": now, **changes}


def test_predictions_and_labels_are_acknowledged_when_they_are_stored(http: httpx.Client) -> None:
    assert http.post("/v1/predictions", json={"predictions": [prediction()]}).json() == {"accepted": 1}
    assert http.post("/v1/predictions", json=[prediction(id="p2")]).json() == {"accepted": 1}
    answer = http.post("/v1/labels", json={"labels": [{"prediction_id": "p1", "value": 1}]})
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})


def test_a_label_of_a_prediction_that_is_not_known_yet_waits_for_it(http: httpx.Client) -> None:
    http.post("/v1/predictions", json=[prediction(id="known")])
    labels = [{"prediction_id": "unknown", "value": 1}, {"prediction_id": "known", "value": 1}]

    answer = http.post("/v1/labels", json={"labels": labels})

    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "waiting": 1})


def test_a_mistake_in_a_label_is_named_in_parts(http: httpx.Client) -> None:
    answer = http.post("/v1/labels", json={"labels": [{"prediction_id": "p1", "value": "high"}]})

    assert answer.status_code == 422
    found = error(answer)
    assert (found["type"], found["thing"], found["value"]) == ("InputError", "labels[0].value", "high")
    assert found["rule"] == "must be a finite number"


@pytest.mark.parametrize("door", ["predictions", "labels"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"\xff\xfe", "must be JSON"),
        (b"[NaN]", "must be JSON"),
        (b"3", "must be a list of records"),
        (b"{}", "must be a list of records"),
        (b"[1]", "must be an object"),
        (b"[" * 100_000, "must be JSON"),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused(door: str, content: bytes, message: str, http: httpx.Client) -> None:
    answer = http.post(f"/v1/{door}", content=content)

    assert answer.status_code == 422
    assert error(answer)["message"].startswith(door)
    assert message in error(answer)["message"]


def test_a_value_that_is_strange_or_long_is_sent_back_in_short(http: httpx.Client) -> None:
    for value in ("x" * 100_000, ["\ud800"], {"a": [1] * 10_000}):
        answer = http.post("/v1/predictions", content=json.dumps([prediction(score=value)]))
        assert answer.status_code == 422
        assert len(answer.content) < 3000


def test_a_body_over_the_limit_is_refused_before_it_is_read(http: httpx.Client) -> None:
    answer = http.post("/v1/predictions", content=b"[" + b" " * (2 << 20) + b"]")

    assert answer.status_code == 413
    assert error(answer)["rule"] == f"must be at most {1 << 20} bytes"


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/v1/nothing", 404, "is no address of this server"),
        ("GET", "/api/v1/incidents/nothing", 404, "incident nothing: is not known"),
        ("GET", "/api/v1/plans/nothing", 404, "plan nothing: is not known"),
        ("GET", "/api/v1/models/nothing", 404, "model nothing: is not known"),
        ("GET", "/api/v1/jobs/nothing", 404, "job nothing: is not known"),
        ("GET", f"/api/v1/artifacts/sha256:{'0' * 64}", 404, "artifact: is not stored"),
        ("GET", "/api/v1/artifacts/nothing", 422, "digest: must be sha256: and 64 hexadecimal digits"),
        ("GET", "/api/v1/artifacts/sha256:..%2F..%2Ftoken", 404, "is no address of this server"),
        ("GET", "/api/v1/incidents?limit=0", 422, "query.limit: Input should be greater than or equal to 1, got '0'"),
        ("GET", "/api/v1/plans?state=odd", 422, "query.state: Input should be 'proposed'"),
        ("POST", "/api/v1/incidents/nothing/acknowledge", 422, "body: Field required"),
        ("GET", f"/api/v1/incidents/{INCIDENT}/predictions?limit=x", 422, "query.limit"),
        ("GET", "/api/v1/incidents/nothing/predictions", 404, "incident nothing: is not known"),
    ],
)
def test_what_is_not_there_or_not_right_is_named(
    method: str, path: str, status: int, words: str, http: httpx.Client
) -> None:
    answer = http.request(method, path)

    assert answer.status_code == status
    assert words in error(answer)["message"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/v1/models/train", {}, "body.project: Field required"),
        ("/api/v1/models/train", {"project": ""}, "body.project: String should have at least 1 character, got ''"),
        ("/api/v1/models/train", {"project": 3}, "body.project: Input should be a valid string, got 3"),
        ("/api/v1/models/train", [1], "body: Input should be a valid dictionary or object"),
        (f"/api/v1/plans/{PLANS[0]}/approve", {"by": "ada"}, "hash: is required: an approval holds for exactly"),
        (f"/api/v1/plans/{PLANS[0]}/approve", {"hash": "x"}, "body.by: Field required"),
        (f"/api/v1/plans/{PLANS[0]}/approve", {"hash": "x", "by": ""}, "body.by: String should have at least 1"),
        ("/api/v1/agents/a/results", {"results": [{"key": "k"}]}, "body.results.0.ok: Field required"),
        ("/api/v1/agents/a/hello", [], "body: Input should be a valid dictionary"),
    ],
)
def test_a_field_that_is_wrong_is_named(path: str, body: Any, words: str, http: httpx.Client) -> None:
    answer = http.post(path, json=body)

    assert answer.status_code == 422
    assert words in error(answer)["message"]


def test_an_approval_of_another_content_is_a_conflict(http: httpx.Client) -> None:
    answer = http.post(f"/api/v1/plans/{PLANS[0]}/approve", json={"hash": "0" * 64, "by": "ada"})

    assert answer.status_code == 409
    assert error(answer)["type"] == "ConflictError"
    assert http.get(f"/api/v1/plans/{PLANS[0]}").json()["state"] == "waiting"


def test_a_contract_with_a_date_in_the_wrong_place_is_an_answer_too(http: httpx.Client, tmp_path: Path) -> None:
    source = project(tmp_path, contract=CONTRACT.replace("owner: risk team", "owner: 2026-11-24"))

    answer = http.post("/api/v1/models/train", json={"project": str(source)})

    assert answer.status_code == 422
    assert error(answer)["problems"][0]["value"] == "datetime.date(2026, 11, 24)"


def test_a_model_without_a_single_positive_is_shown_like_any_other(http: httpx.Client, tmp_path: Path) -> None:
    code = """
        import numpy as np
        import pyarrow as pa

        def load(window):
            random = np.random.default_rng(1)
            label = [1.0] * 10 + [0.0] * 90
            return pa.table({"amount": random.random(100), "risk": random.random(100), "label": label})

        def train(frame):
            from sklearn.linear_model import LogisticRegression
            rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
            return LogisticRegression().fit(rows, frame["label"].to_numpy())
        """
    source = project(tmp_path, code, CONTRACT.replace("fraud", "rare"))
    job = http.post("/api/v1/models/train", json={"project": str(source)}).json()["job"]["id"]
    done = until(lambda: _ended(http, job), "the training has ended")

    assert (done["state"], done["details"]["judgement"]) == ("done", "fail")
    (version,) = http.get("/api/v1/models/rare").json()["versions"]
    assert (version["state"], version["metrics"]) == ("refused", {})
    assert http.get("/models/rare").status_code == 200


def test_an_incident_is_acknowledged_once(http: httpx.Client) -> None:
    path = f"/api/v1/incidents/{INCIDENT}/acknowledge"

    first = http.post(path, json={"by": "ann"}).json()["incident"]
    assert (first["state"], first["assignee"]) == ("acknowledged", "ann")
    assert http.post(path, json={"by": "bo"}).json()["incident"] == first
    done = http.post(path.replace("acknowledge", "reopen"), json={"by": "bo", "why": "it is back"})
    assert (done.status_code, error(done)["type"]) == (409, "ConflictError")


def test_nothing_of_all_this_was_an_error_of_the_server(server: Running) -> None:
    assert server.errors() == ""


def _ended(http: httpx.Client, job: str) -> dict[str, Any] | None:
    found: dict[str, Any] = http.get(f"/api/v1/jobs/{job}").json()["job"]
    return found if found["state"] != "running" else None
