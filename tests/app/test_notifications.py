"""Notifications, wired: from an incident in the store to a real receiver and back by a button, through the doors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from tests.attacks.victim import SECRET, TOKEN, Victim, victim
from tests.spine.notify.servers import Service, service

from wellkept.cli import notify
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.kernel.plan import Action, Plan, Risk, Verification
from wellkept.spine.notify.senders.slack import ACKNOWLEDGE, SILENCE
from wellkept.spine.notify.slackdoor import signature

PERSON = "U123"


@dataclass
class Told:
    """A platform, and the service that its receivers are at."""

    victim: Victim
    there: Service
    number: int = 0

    @property
    def name(self) -> str:
        return f"inc-{self.number}"

    @property
    def now(self) -> datetime:
        return self.victim.platform.clock.now()

    def incident(self, **more: Any) -> Incident:
        platform = self.victim.platform
        found = Finding(
            fingerprint=f"fp-{self.number}",
            detector="alerts",
            detector_version="1",
            entity="service:shop/pay",
            kind=FindingKind.EXTERNAL,
            severity=Severity.ERROR,
            score=1.0,
            score_meaning="as it was sent",
            starts_at=self.now,
            sentence="pay is slow",
            attributes={"rule": "PaySlow"},
        )
        platform.stream.publish([found], self.now)
        member = Member(found.id, found.entity, self.now, "first")
        made = Incident(
            self.name, "pay is slow", IncidentState.OPEN, Severity.ERROR, self.now, self.now, (member,), **more
        )
        platform.stream.save_incident(made)
        return made

    def turn(self) -> int:
        told = self.victim.platform.notifications
        told.plan()
        return sum(told.send(receiver) for receiver in self.victim.platform.settings.notify.receivers)

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.victim.ask(method, f"/api/v1/notifications{path}", TOKEN, **arguments)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def press(self, action: str, secret: str = "shh") -> int:
        payload = {
            "type": "block_actions",
            "user": {"id": PERSON, "username": "ada"},
            "channel": {"id": "C1"},
            "actions": [{"action_id": action, "value": self.name}],
        }
        body, moment = urlencode({"payload": json.dumps(payload)}).encode(), str(int(self.now.timestamp()))
        headers = {"x-slack-request-timestamp": moment, "x-slack-signature": signature(secret, moment, body)}
        return self.victim.ask("POST", "/api/v1/slack/interactions", content=body, headers=headers).status_code


@pytest.fixture
def told(platform: Told) -> Told:
    """The platform after what an earlier test did with it is over."""
    platform.there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "17.5"})
    platform.number += 1
    platform.turn()
    platform.there.came.clear()
    return platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with pytest.MonkeyPatch.context() as patch, service() as there:
        patch.setenv("HOOK", SECRET)
        patch.setenv("SIGN", "shh")
        slack = {"type": "slack", "name": "chat", "channel": "C1", "secret_env": "HOOK", "signing_env": "SIGN"}
        settings = {
            "url": "https://wellkept.example",
            "networks": ["127.0.0.0/8"],
            "receivers": [
                {"type": "webhook", "name": "bot", "url": f"{there.url}/hook", "secret_env": "HOOK"},
                {**slack, "api_url": f"{there.url}/api", "people": {PERSON: "ada@shop"}},
            ],
            "route": {
                "receivers": ["bot"],
                "group_wait_s": 0,
                "routes": [
                    {"name": "chat", "when": {"labels": {"alertname": "Pay*"}}, "receivers": ["bot", "chat"]},
                    {"name": "plans", "when": {"events": ["approval"]}, "receivers": ["chat"]},
                ],
            },
        }
        with victim(tmp_path_factory.mktemp("told"), notify=settings) as made:
            yield Told(made, there)


def test_from_an_incident_to_slack_and_back_by_a_button(told: Told) -> None:
    told.incident()
    assert told.turn() == 2
    assert told.press(ACKNOWLEDGE, secret="stolen") == 401
    assert told.press(ACKNOWLEDGE) == 200
    assert told.turn() == 2

    found = told.victim.platform.stream.incident(told.name)
    assert found is not None
    assert (found.state, found.assignee) == (IncidentState.ACKNOWLEDGED, "ada@shop")
    updated = told.there.documents("chat.update")[-1]
    assert (updated["ts"], updated["text"]) == ("17.5", "[error] acknowledged: pay is slow")
    events = [json.loads(body)["type"] for path, _, body in told.there.came if path == "/hook"]
    assert events == ["incident.opened", "incident.acknowledged"]
    answer = told.victim.ask("GET", f"/api/v1/incidents/{told.name}/story", TOKEN).json()
    story = {line["what"] for line in answer["story"] if line["kind"] == "notification"}
    assert "acknowledged to chat: delivered (chat.update was taken)" in story


def test_a_silence_holds_what_the_incident_says(told: Told) -> None:
    told.incident()
    told.turn()
    told.press(SILENCE)

    (silence,) = told.victim.platform.noise.silences()
    assert [str(matcher) for matcher in silence.matchers] == [f'fingerprint=~"fp-{told.number}"']
    assert silence.by == "ada@shop"
    assert (silence.ends_at - silence.starts_at).total_seconds() == pytest.approx(3600, abs=60)


def test_a_plan_that_waits_is_told_with_a_link_and_then_how_it_was_decided(told: Told) -> None:
    gate = told.victim.platform.gate
    told.victim.platform.agents.hello("a", {"commands": ["restart"], "host_id": "a"})
    action = Action("run_command", "host:a", {"command": "restart"}, "")
    plan = Plan(
        "pln-1", "inc-1", "restart pay", "it hangs", Risk.HIGH, (action,), Verification(), told.now, "remediate"
    )
    gate.propose(plan)
    told.turn()
    gate.reject("pln-1", "ada", "not now")
    told.turn()

    posted, updated = (document for document in told.there.documents() if "blocks" in document)
    assert posted["text"] == "[error] approval wanted: restart pay"
    (link,) = posted["blocks"][-1]["elements"]
    assert link["url"] == "https://wellkept.example/approvals#pln-1"
    assert "rejected: not now" in updated["blocks"][1]["text"]["text"]


def test_the_interface_says_who_would_be_told_and_why(told: Told) -> None:
    told.incident()

    asked = told.ask("POST", "/explain", json={"incident": told.name})
    other = told.ask("POST", "/explain", json={"about": {"severity": "critical", "alertname": "Web"}})

    assert [one["receiver"] for one in asked["receivers"]] == ["bot", "chat"]
    assert asked["facts"]["labels"]["alertname"] == ["PaySlow"]
    assert [(one["route"], one["taken"]) for one in other["steps"]] == [
        ("chat", False),
        ("plans", False),
        ("top", True),
    ]
    for body in ({"incident": "none"}, {"about": {"severity": "awful"}}, {"about": {"tier": "9"}}):
        answer = told.victim.ask("POST", "/api/v1/notifications/explain", TOKEN, json=body)
        assert answer.status_code in (404, 422), body


def test_what_was_given_up_is_shown_counted_and_tried_again(told: Told) -> None:
    told.there.answer = lambda *_: (400, {}, {"ok": False, "error": "invalid_auth"})
    told.incident()
    told.turn()

    receivers = told.ask("GET", "/receivers")
    assert {one["name"]: one["is_well"] for one in receivers["receivers"]} == {"bot": False, "chat": False}
    assert "no receiver can be reached" in receivers["trouble"]
    metrics = told.victim.ask("GET", "/metrics", TOKEN).text
    assert 'wellkept_notification_receiver_up{receiver="bot",channel="webhook"} 0.0' in metrics
    assert 'wellkept_notification_attempts{receiver="bot",outcome="dead"} 1.0' in metrics
    page = told.victim.ask("GET", "/notifications", headers=told.victim.cookie)
    assert page.status_code == 200
    assert "People may not be told" in page.text

    told.there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "1"})
    (dead,) = told.ask("GET", f"?receiver=bot&subject=incident:{told.name}")["notifications"]
    told.ask("POST", f"/{dead['id']}/retry", json={"by": "ada"})
    assert told.turn() == 1
    assert told.ask("POST", "/receivers/chat/test", json={"by": "ada"})["delivery"]["outcome"] == "delivered"
    assert told.ask("GET", "/receivers")["trouble"] == ""


def test_the_page_tries_again_and_sends_tests_by_forms_of_its_own(told: Told) -> None:
    told.there.answer = lambda *_: (400, {}, {"ok": False, "error": "invalid_auth"})
    told.incident()
    told.turn()
    cookie = told.victim.cookie
    page = told.victim.ask("GET", "/notifications?fresh", headers=cookie).text
    proof = re.findall(r'name="form_token" value="([^"]+)"', page)[-1]
    (retry, *_) = re.findall(r'action="(/notifications/[^"]+/retry)"', page)
    told.there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "1"})

    assert "/notifications/receivers/bot/retry" in page
    for path in (retry, "/notifications/receivers/bot/retry", "/notifications/receivers/bot/test"):
        assert told.victim.ask("POST", path, headers=cookie, data={"form_token": "forged"}).status_code == 403
        assert told.victim.ask("POST", path, headers=cookie, data={"form_token": proof}).status_code == 303

    assert told.turn() == 1
    page = told.victim.ask("GET", "/notifications", headers=cookie).text
    assert "Test of Wellkept" not in page
    assert "test" in page


class Through:
    """The client of a command, which asks the platform of the test."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def get(self, path: str, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        return self._told.victim.ask("GET", path, TOKEN, params=given).json()

    def post(self, path: str, body: Any) -> Any:
        return self._told.victim.ask("POST", path, TOKEN, json=body).json()


def test_the_commands_say_who_is_told_why_and_what_became_of_it(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "client", lambda _: Through(told))
    monkeypatch.setenv("COLUMNS", "200")

    def say(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(notify.command, arguments)
        assert done.exit_code == code, done.output
        return done.output

    told.there.answer = lambda *_: (200, {}, {"ok": False, "error": "invalid_auth"})
    told.incident()
    told.turn()

    assert "invalid_auth" in say("receivers")
    assert "chat: failed (invalid_auth)" in say("test", "chat", code=1)
    assert "bot: delivered (answered 200)" in say("test", "bot")
    explained = say("routes", "--explain", "--about", "severity=critical", "--at", "2026-11-24T22:00:00+00:00")
    assert "label alertname is not Pay*" in explained
    assert "no branch took it" in explained
    assert [one["receiver"] for one in json.loads(say("routes", "--incident", told.name, "--json"))["receivers"]] == [
        "bot",
        "chat",
    ]
    assert "refused: invalid_auth" in say("deliveries", "--incident", told.name)
    (given_up,) = [
        one
        for one in json.loads(say("dead", "--json"))["notifications"]
        if (one["receiver"], one["subject"]) == ("chat", f"incident:{told.name}")
    ]
    assert given_up["id"] in say("dead")
    assert "chat is told of" in say("retry", given_up["id"])
    assert "must be NAME=VALUE" in say("routes", "--about", "nonsense", code=2)
    assert "must be a moment" in say("routes", "--at", "soon", code=2)
