"""Secrets and personal data: what must not get into predictions, logs, answers, events and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.attacks.victim import SECRET, TOKEN, Victim
from tests.ml.serve.doors import Asked, one

from wellkept.spine.webhooks.events import body_of, event

INFER = "/v2/models/fraud/infer"


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_what_proves_a_caller_is_in_no_prediction(asked: Asked) -> None:
    headers = {"Authorization": "Bearer sk-secret", "Cookie": "session=sk-secret", "X_Api_Key": "sk-secret"}

    assert asked.post(INFER, {"inputs": one(), "parameters": {"api_key": "sk-secret"}}, **headers).status_code == 200

    assert len(asked.log.records) == 1
    assert "sk-secret" not in json.dumps(asked.log.records, default=str)


@pytest.mark.parametrize("name", ["password", "card_number", "email", "authorization"])
def test_an_input_that_the_contract_does_not_name_is_refused_and_never_logged(name: str, asked: Asked) -> None:
    body = {"inputs": [*one(), {"name": name, "datatype": "FP64", "shape": [1], "data": [4711.0]}]}

    assert asked.post(INFER, body).status_code == 400
    assert asked.log.records == []


def test_text_is_in_no_prediction_because_inputs_are_numbers(asked: Asked) -> None:
    answer = asked.post(INFER, {"inputs": one(amount="ada@example.com")})

    assert answer.status_code == 400
    assert asked.log.records == []


def test_the_token_and_the_secrets_of_webhooks_are_in_no_answer_and_no_file(platform: Victim) -> None:
    words = (SECRET.removeprefix("whsec_"), "a-shared-word")
    platform.ask("POST", "/api/v1/webhooks/out/test", TOKEN, json={"by": "ada"})

    for method, path in platform.doors():
        if method == "GET":
            for headers in ({}, platform.cookie):
                text = platform.ask(method, path, TOKEN, headers=headers).text
                assert not [word for word in (TOKEN, *words) if word in text], path

    assert platform.ask("GET", "/api/v1/webhooks", TOKEN).json()["endpoints"][0]["problem"] == ""
    for file in platform.platform.settings.data.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not [word for word in words if word.encode() in data], file


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "apiKey", "AUTHORIZATION", "db_passwd", "client_secret", "access_token", "Credentials"],
)
def test_what_is_called_a_secret_leaves_in_no_event(name: str) -> None:
    from tests.spine.webhooks.post import NOON

    told = event("plan.proposed", "s", NOON, {"details": {"deep": [{name: "hunter2"}]}, name: "hunter2"})

    assert "hunter2" not in body_of(told, "wellkept")


def test_a_refusal_does_not_send_a_long_value_back(platform: Victim) -> None:
    answer = platform.ask("POST", "/api/v1/models/train", TOKEN, json={"project": "x" * 100_000})

    assert answer.status_code in (404, 422)
    assert len(answer.text) < 5000
    for project in ("x\0y", "/" + "y/" * 5000, "x" * 300):
        assert platform.ask("POST", "/api/v1/models/train", TOKEN, json={"project": project}).status_code == 404
