"""Telling that the platform itself stands still: once to each receiver, again where it was not taken, and its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Severity
from wellkept.spine.notify.senders.base import Sent
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.snapshot import Phase
from wellkept.spine.notify.watchdog import RETRY_S, Heart, Watchdog
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Reply

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AFTER_S = 90.0
STUCK = {"detect": "has come to no good end for 95 s"}


class Channel:
    """Takes messages, or refuses them."""

    def __init__(self) -> None:
        self.messages: list[tuple[Message, Mapping[str, Any]]] = []
        self.takes = True

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:
        self.messages.append((message, reference))
        return Sent(is_taken=self.takes, said="so it is", reference={"post": len(self.messages)})

    def problem(self) -> str:
        return ""

    @property
    def told(self) -> list[str]:
        return [message.what for message, _ in self.messages]


class Work:
    """What stands still is what the test says."""

    def __init__(self) -> None:
        self.stuck, self.has_begun = dict[str, str](), True

    def standing(self) -> dict[str, str]:
        return self.stuck

    def is_proven(self) -> bool:
        return self.has_begun


class Scene:
    """A watchdog with two receivers, hands on both clocks, and what stands still as the test says."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path, self.seconds, self.work = path / "watchdog.json", 1000.0, Work()
        self.chat, self.mail = Channel(), Channel()
        self.clock = SettableClock(NOON)
        patch.setattr(time, "monotonic", lambda: self.seconds)
        self.dog = self.made()

    def made(self, *, watchers: list[str] | None = None, heart: Heart | None = None) -> Watchdog:
        settings = NotifySettings.model_validate(
            {
                "receivers": [
                    {"type": "slack", "name": "chat", "channel": "C1", "secret_env": "SLACK"},
                    {"type": "email", "name": "mail", "to": ["a@b.example"], "sender": "c@d.example", "host": "h"},
                ],
                "route": {"receivers": ["chat", "mail"]},
                "watchdog": {"after_s": AFTER_S, "receivers": watchers},
            }
        )
        senders = {"chat": self.chat, "mail": self.mail}
        more: dict[str, Any] = {"about": "here", "url": "https://wellkept.example", "path": self.path}
        return Watchdog(settings, senders, heart, self.work, self.clock, **more)

    def turn(self, after_s: float = 0.0, standing: Mapping[str, str] | None = None) -> None:
        self.seconds += after_s
        self.work.stuck = dict(standing or {})
        self.dog.turn()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_nobody_is_told_while_the_work_goes_on(scene: Scene) -> None:
    scene.turn(AFTER_S * 2)
    assert not scene.chat.messages
    assert not scene.path.exists()


def test_those_at_the_top_of_the_route_are_told_what_and_why(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    message, reference = scene.chat.messages[0]
    assert message.title == "[critical] Part of Wellkept on here stands still: detect"
    assert "- detect has come to no good end for 95 s" in message.lines()
    assert (message.now.severity, message.what, reference) == (Severity.CRITICAL, "opened", {})
    assert message.link == "https://wellkept.example/"
    assert scene.mail.told == ["opened"]


def test_only_those_who_are_named_are_told(scene: Scene) -> None:
    scene.dog = scene.made(watchers=["mail"])
    scene.turn(0.0, STUCK)
    assert (scene.chat.told, scene.mail.told) == ([], ["opened"])


def test_they_are_told_once_however_long_it_lasts_and_whatever_the_seconds_say(scene: Scene) -> None:
    for seconds in range(95, 120):
        scene.turn(5.0, {"detect": f"has come to no good end for {seconds} s"})
    assert scene.chat.told == ["opened"]


def test_what_comes_to_it_is_told_where_a_message_can_be_edited(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    scene.turn(5.0, {**STUCK, "correlate": "too"})
    assert scene.chat.told == ["opened", "updated"]
    assert scene.chat.messages[1][1] == {"post": 1}
    assert scene.mail.told == ["opened"]


def test_who_did_not_take_it_is_asked_again_and_not_at_every_look(scene: Scene) -> None:
    scene.chat.takes = False
    scene.turn(0.0, STUCK)
    scene.turn(RETRY_S / 2, STUCK)
    assert scene.chat.told == ["opened"]
    scene.chat.takes = True
    scene.turn(RETRY_S, STUCK)
    scene.turn(RETRY_S, STUCK)
    assert scene.chat.told == ["opened", "opened"]
    assert len({message.key for message, _ in scene.chat.messages}) == 1
    assert scene.mail.told == ["opened"]


def test_one_that_hangs_holds_up_no_other(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, send = threading.Event(), scene.mail.send

    def hang(*_: object) -> Sent:
        assert taken.wait(60), "the other one was told meanwhile"
        return Sent(is_taken=False, said="no whole answer")

    def take(message: Message, reference: Mapping[str, Any]) -> Sent:
        taken.set()
        return send(message, reference)

    monkeypatch.setattr(scene.chat, "send", hang)
    monkeypatch.setattr(scene.mail, "send", take)
    scene.turn(0.0, STUCK)
    assert scene.mail.told == ["opened"]


def test_who_never_takes_it_is_asked_ever_more_rarely(scene: Scene) -> None:
    scene.chat.takes = False
    for _ in range(720):
        scene.turn(5.0, STUCK)
    assert 10 < len(scene.chat.messages) < 20


def test_its_end_is_told_when_it_has_been_calm_for_as_long(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    scene.turn(AFTER_S / 2)
    scene.turn(AFTER_S / 4, STUCK)
    scene.turn(AFTER_S - 1)
    assert scene.chat.told == ["opened"]
    scene.turn(2.0)
    scene.turn(AFTER_S)
    assert scene.chat.told == ["opened", "over"]
    message, _ = scene.chat.messages[-1]
    assert message.title == "over: Part of Wellkept on here goes on again: detect"
    assert message.now.phase is Phase.OVER


def test_a_standstill_after_that_is_another_one(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    scene.turn(AFTER_S + 1)
    scene.clock.set(NOON.replace(hour=13))
    scene.turn(60.0, STUCK)
    assert scene.chat.told == ["opened", "over", "opened"]
    assert len({message.key for message, _ in scene.chat.messages}) == 3


def test_after_a_restart_those_who_were_told_are_told_its_end_and_not_that_it_stands_still_again(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    scene.dog = scene.made()
    scene.turn(1.0, STUCK)
    assert scene.chat.told == ["opened"]
    scene.turn(AFTER_S + 1)
    assert scene.chat.told == ["opened", "over"]
    scene.dog = scene.made()
    scene.turn(AFTER_S * 2)
    assert scene.chat.told == ["opened", "over"]


def test_who_is_no_receiver_any_more_is_forgotten_so_that_the_next_standstill_is_another_one(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    scene.path.write_text(scene.path.read_text().replace('"mail"', '"gone"'))
    scene.dog = scene.made()
    scene.turn(AFTER_S)
    for hour in (13, 14):
        scene.clock.set(NOON.replace(hour=hour))
        scene.turn(60.0, STUCK)
        scene.turn(AFTER_S + 1)
    opened = [message.key for message, _ in scene.chat.messages if message.what == "opened"]
    assert len(opened) == len(set(opened)) == 3


def test_after_a_restart_its_end_is_told_when_the_work_has_been_done_once(scene: Scene) -> None:
    scene.turn(0.0, STUCK)
    scene.dog, scene.work.has_begun = scene.made(), False
    scene.turn(AFTER_S * 2)
    assert scene.chat.told == ["opened"]
    scene.work.has_begun = True
    scene.turn(1.0)
    assert scene.chat.told == ["opened", "over"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"chat": 1}', '{"chat": {"told": {}, "reference": {}}}'])
def test_a_file_that_nobody_understands_is_as_none(scene: Scene, text: str) -> None:
    scene.path.write_text(text)
    scene.dog = scene.made()
    scene.turn(AFTER_S * 2)
    scene.turn(0.0, STUCK)
    assert scene.chat.told == ["opened"]


class Outside:
    """Answers requests, and remembers them."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.reply = Reply(200, "answered 200")

    def request(self, method: str, url: str, *_: Any) -> Reply:
        assert method == "GET"
        self.urls.append(url)
        return self.reply


def heart(outside: Outside, url: str = "https://hc.example/3f1c") -> Heart:
    chosen = NotifySettings.model_validate({"watchdog": {"heartbeat": {"secret_env": "HEART", "every_s": 60}}})
    assert chosen.watchdog.heartbeat is not None
    return Heart(chosen.watchdog.heartbeat, Secrets({"HEART": url}), outside)


def test_the_heart_beats_in_its_rhythm_and_not_while_anything_stands_still(scene: Scene) -> None:
    outside = Outside()
    scene.dog = scene.made(heart=heart(outside))
    for _ in range(25):
        scene.turn(5.0)
    assert outside.urls == ["https://hc.example/3f1c"] * 3
    for _ in range(25):
        scene.turn(5.0, STUCK)
    assert len(outside.urls) == 3


@pytest.mark.parametrize(
    ("url", "reply", "said"),
    [
        ("https://hc.example/3f1c", Reply(404, "answered 404"), "answered 404"),
        ("https://hc.example/3f1c", Reply(0, "cannot reach https://hc.example/3f1c"), "cannot reach …"),
        ("hc.example/3f1c", Reply(200, ""), "the secret must be a URL that begins with https://"),
    ],
)
def test_why_nobody_hears_it_is_told_without_the_url(scene: Scene, url: str, reply: Reply, said: str) -> None:
    outside = Outside()
    outside.reply = reply
    scene.dog = scene.made(heart=heart(outside, url))
    scene.turn()
    assert scene.dog.silent_because == said


def test_a_receiver_that_is_not_there_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ValueError, match="watchdog names receiver nobody, which is not one of none"):
        NotifySettings.model_validate({"watchdog": {"receivers": ["nobody"]}})
