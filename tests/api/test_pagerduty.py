"""PagerDuty's Events API as its clients see it: the key in the body, and the statuses that they act on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.calls import TOKEN, Doors, recorded
from tests.ops.ingest.outside import Outside

from wellkept.api import pagerduty
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError

ENQUEUE = "/v2/enqueue"
PAYLOAD = {"summary": "Disk is full", "source": "web-1", "severity": "error"}


@pytest.fixture
def doors(world: Outside) -> Doors:
    return Doors(pagerduty.routes(world.alerts, world.events, world.clock, TOKEN))


def event(**fields: Any) -> bytes:
    return json.dumps({"routing_key": TOKEN, "event_action": "trigger", "payload": PAYLOAD, **fields}).encode()


def test_what_alertmanagers_pagerduty_receiver_sends(doors: Doors, world: Outside) -> None:
    answer = doors.post(ENQUEUE, recorded("pagerduty_trigger.json"), token=None, content_type="application/json")

    key = json.loads(recorded("pagerduty_trigger.json"))["dedup_key"]
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": key}
    assert world.only().attributes["title"] == "[FIRING:1] HighLatency (test checkout critical)"
    assert world.only().entity == ""

    assert doors.post(ENQUEUE, recorded("pagerduty_resolve.json"), token=None).status_code == 202
    assert not world.only().is_open


def test_a_key_is_made_where_there_is_none_and_is_told(doors: Doors, world: Outside) -> None:
    key = doors.post(ENQUEUE, event()).json()["dedup_key"]

    assert doors.post(ENQUEUE, event(event_action="resolve", dedup_key=key)).status_code == 202
    assert not world.only().is_open


def test_a_word_about_an_alert_that_nobody_knows_is_accepted_and_dropped(doors: Doors, world: Outside) -> None:
    for action in ("acknowledge", "resolve"):
        assert doors.post(ENQUEUE, event(event_action=action, dedup_key="never heard of")).status_code == 202
    assert world.findings() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", event(routing_key="wrong"), event(routing_key=7)])
def test_without_the_token_nothing_is_looked_at(body: bytes, doors: Doors, world: Outside) -> None:
    answer = doors.post(ENQUEUE, body, token=None)

    assert answer.status_code == 401
    assert answer.json()["errors"] == ["the routing key must be the token of this server"]
    assert world.findings() == []


def test_with_the_token_in_the_header_the_key_is_the_senders_own(doors: Doors, world: Outside) -> None:
    for key in ("a" * 32, "b" * 32):
        assert doors.post(ENQUEUE, event(routing_key=key, dedup_key="same")).status_code == 202
    assert len(world.findings()) == 2
    doors.post(ENQUEUE, event(routing_key="a" * 32, dedup_key="same", event_action="resolve"))
    assert sorted(finding.is_open for finding in world.findings()) == [False, True]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "event: must be JSON"),
        (b"[]", "event: must be an object"),
        (event(routing_key=""), "routing_key: must be a text that is not empty, got ''"),
        (event(event_action="fix"), "event_action: must be one of trigger, acknowledge, resolve, got 'fix'"),
        (event(payload={**PAYLOAD, "severity": "high"}), "payload.severity: must be one of"),
        (event(event_action="resolve"), "dedup_key: is required to resolve"),
    ],
)
def test_an_event_at_fault_is_400_and_says_why(body: bytes, error: str, doors: Doors) -> None:
    answer = doors.post(ENQUEUE, body)

    assert answer.status_code == 400
    assert answer.json()["status"] == "invalid event"
    assert answer.json()["message"] == "Event object is invalid"
    assert answer.json()["errors"][0].startswith(error)


def test_an_event_that_is_too_large_is_413(doors: Doors) -> None:
    assert doors.post(ENQUEUE, event(custom_details="x" * (512 << 10))).status_code == 413


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [(OverloadError("later", retry_after_s=3), 429, "throttle exceeded"), (StoreError("broken"), 503, "error")],
)
def test_what_may_be_sent_again(
    error: WellkeptError, status: int, told: str, doors: Doors, world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(world.stream, "keep", refuse)

    answer = doors.post(ENQUEUE, event())

    assert (answer.status_code, answer.json()["status"]) == (status, told)
    assert int(answer.headers["retry-after"]) >= 1
