"""Who watches the platform: a store that does not answer is told of past it, and its heart stops for who listens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.app.receiver import Receiver, receiving
from tests.app.running import Running, running, until
from tests.store.postgres import database, frozen

AFTER_S = 3.0


def configured(folder: Path, receiver: Receiver, state: str = "") -> Path:
    """A configuration with a receiver that is told of nothing but the platform itself, and a heartbeat."""
    (folder / "secret").write_text("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (folder / "heart").write_text(receiver.url.replace("/events", "/heart/3f1c-secret"))
    hook = {"type": "webhook", "name": "oncall", "url": receiver.url, "secret_file": str(folder / "secret")}
    heart = {"secret_file": str(folder / "heart"), "every_s": 1}
    notify = {
        "receivers": [hook],
        "route": {"receivers": ["oncall"]},
        "watchdog": {"after_s": AFTER_S, "heartbeat": heart},
        "networks": ["127.0.0.0/8"],
    }
    said = {"notify": notify, "state": {"url": state} if state else {}}
    path = folder / "wellkept.yaml"
    path.write_text(json.dumps(said))
    return path


def beats(receiver: Receiver) -> int:
    return sum(path.startswith("/heart/") for path in list(receiver.paths))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "configuration"
    made.mkdir()
    return made


def health(server: Running) -> dict[str, object]:
    with server.stranger() as client:
        answer = client.get("/healthz")
    assert answer.status_code == 200
    told: dict[str, object] = answer.json()
    return told


def test_a_store_that_does_not_answer_is_told_of_past_it_and_the_heart_stops(folder: Path, tmp_path: Path) -> None:
    with (
        database() as url,
        receiving() as receiver,
        running(tmp_path / "data", ["--config", str(configured(folder, receiver, url))]) as server,
    ):
        until(lambda: beats(receiver) >= 2, "the heart beats")
        assert health(server) == {"status": "ok"}

        with frozen():
            told = until(lambda: receiver.events("platform.opened"), "somebody is told")[0]["data"]
            assert told["severity"] == "critical"
            assert "stands still" in told["title"]
            assert any("state" in line or "correlate" in line for line in told["lines"])
            assert health(server)["status"] == "standing still"
            with server.http() as client:
                page = client.get("/metrics").text
            assert "wellkept_well 0.0" in page
            assert 'wellkept_metrics_part_up{part="notifications"} 0.0' in page
            quiet = beats(receiver)

        over = until(lambda: receiver.events("platform.over"), "they are told that it goes on")[0]["data"]
        assert "goes on again" in over["title"]
        until(lambda: beats(receiver) > quiet + 1, "the heart beats again")
        assert health(server) == {"status": "ok"}
        assert len(receiver.events("platform.opened")) == 1
        assert "3f1c-secret" not in server.errors()
