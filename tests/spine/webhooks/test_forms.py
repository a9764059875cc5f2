"""How GitHub and GitLab are told: as their interfaces want it, signed as it is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError
from tests.spine.webhooks.post import EVERYTHING, NOON, Post

from wellkept.app.externalclient import asked_by
from wellkept.kernel.errors import InputError
from wellkept.spine.webhooks.events import event
from wellkept.spine.webhooks.settings import WebhookSettings

RUN = {"run": "run-1", "url": "https://here/api/v1/external/run-1", "model": "fraud"}


def sent(folder: Path, **settings: Any) -> tuple[str, bytes, dict[str, str]]:
    """What an endpoint gets of a retrain that is asked for."""

    def seal(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "data": {**body["data"], "token": "wkr.x"}}

    post = Post(folder, {**EVERYTHING, "access_env": "ACCESS", **settings}, seal=seal)
    post.environment["ACCESS"] = "ghp_secret"
    post.outbox.tell(event("retrain.requested", "model:fraud", NOON, RUN, "r"), "all")
    assert post.turn() == 1
    post.check_signatures()
    assert "ghp_secret" not in json.dumps([one.body for one in post.outbox.deliveries(None, None, 9)])
    post.close()
    return post.played.sent[0]


def test_github_is_asked_for_a_repository_dispatch(tmp_path: Path) -> None:
    _, body, headers = sent(tmp_path, form="github")
    document = json.loads(body)

    assert (document["event_type"], list(document["client_payload"])) == ("retrain.requested", ["event"])
    assert headers["authorization"] == "Bearer ghp_secret"
    assert headers["accept"] == "application/vnd.github+json"
    (tmp_path / "event.json").write_text(json.dumps({"action": "retrain.requested", **document}))
    asked = asked_by(tmp_path / "event.json")
    assert (asked.run, asked.token, asked.path) == ("run-1", "wkr.x", "/api/v1/external/run-1")


def test_gitlab_is_asked_for_a_pipeline_with_the_event_in_a_variable(tmp_path: Path) -> None:
    _, body, headers = sent(tmp_path, form="gitlab", ref="release")
    fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}

    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert (fields["token"], fields["ref"]) == ("ghp_secret", "release")
    (tmp_path / "event.json").write_text(fields["variables[WELLKEPT_EVENT]"])
    assert asked_by(tmp_path / "event.json").run == "run-1"


def test_others_get_the_event_itself(tmp_path: Path) -> None:
    _, body, headers = sent(tmp_path)

    assert json.loads(body)["type"] == "retrain.requested"
    assert headers["authorization"] == "Bearer ghp_secret"


@pytest.mark.parametrize(
    "settings",
    [{"form": "github"}, {"form": "gitlab"}, {"access_file": "a", "access_env": "B"}, {"form": "other"}],
    ids=str,
)
def test_a_form_without_what_it_needs_is_a_mistake(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate({"send": [{**EVERYTHING, **settings}]})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"data": {}}', '{"client_payload": {"event": {"data": 1}}}', "\xff"])
def test_a_file_without_such_an_event_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(text, encoding="latin-1")

    with pytest.raises(InputError, match=r"event .*event\.json"):
        asked_by(tmp_path / "event.json")
