"""Webhooks, wired: threads that outlive surprises, real requests, the interface and the commands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.app.receiver import Receiver, receiving
from tests.app.running import until
from tests.attacks.victim import SECRET, TOKEN, Victim, victim

from wellkept.app.webhooks import WebhookServer
from wellkept.kernel.webhooks import key_of, verified
from wellkept.spine.webhooks.outbox import Outbox
from wellkept.spine.webhooks.settings import Endpoint

HERE = Endpoint(name="here", url="https://x.example/", secret_env="X")


class Moody:
    """An outbox that fails at first."""

    endpoints: tuple[Endpoint, ...] = (HERE,)

    def __init__(self) -> None:
        self.gathered = self.sent = 0
        self.tidied = False

    def gather(self) -> int:
        self.gathered += 1
        if self.gathered < 3:
            raise OSError("the disk is full")
        return 0

    def send_due(self, endpoint: Endpoint, may: Callable[[], bool] = lambda: True) -> int:
        self.sent += 1
        raise RuntimeError("a surprise")

    def forget_old(self) -> None:
        self.tidied = True

    def counts(self) -> dict[str, dict[str, int]]:
        return {}


def test_a_thread_outlives_what_nobody_foresaw_and_says_so() -> None:
    outbox = Moody()
    server = WebhookServer(cast("Outbox", outbox), lambda: None, every_s=0.01)
    server.start()

    until(lambda: outbox.gathered > 5 and outbox.sent > 5, "both went on")
    status = server.status()
    server.close()

    assert status["failures"] >= 7
    assert status["last_error"] in ("a surprise", "the disk is full")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loop-webhook")]


def test_what_is_old_is_forgotten_also_where_nobody_is_told() -> None:
    outbox, forgotten = Moody(), threading.Event()
    outbox.gathered, outbox.endpoints = 2, ()
    server = WebhookServer(cast("Outbox", outbox), forgotten.set)
    server.start()

    assert forgotten.wait(30)
    server.close()

    assert outbox.tidied
    assert outbox.gathered == 3


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Victim, Receiver]]:
    monkeypatch.setenv("HOOK", SECRET)
    with receiving() as receiver:
        send = [{"name": "ops", "url": receiver.url, "secret_env": "HOOK", "events": ["webhook.*", "incident.*"]}]
        with victim(tmp_path, webhooks={"networks": ["127.0.0.0/8"], "send": send}) as made:
            yield made, receiver


def ask(platform: Victim, method: str, path: str, **arguments: Any) -> Any:
    answer = platform.ask(method, f"/api/v1/webhooks{path}", TOKEN, **arguments)
    assert answer.status_code < 300, answer.text
    return answer.json()


def test_from_the_interface_to_the_endpoint_and_back(told: tuple[Victim, Receiver]) -> None:
    platform, receiver = told
    server = WebhookServer(platform.platform.outbox, lambda: None, every_s=0.02)
    server.start()
    receiver.status = 410

    event = ask(platform, "POST", "/ops/test", json={"by": "ada"})["event"]
    until(lambda: ask(platform, "GET", "/deliveries?state=dead")["deliveries"], "it was given up")
    receiver.status = 204
    (dead,) = [one for one in ask(platform, "GET", "/deliveries?state=dead")["deliveries"] if one["event"] == event]
    ask(platform, "POST", f"/deliveries/{dead['number']}/resend", json={"by": "ada"})
    until(lambda: ask(platform, "GET", "")["endpoints"][0]["deliveries"].get("delivered", 0) >= 1, "it was delivered")
    server.close()

    headers = receiver.headers[0]
    assert verified([key_of(SECRET)], headers, receiver.bodies[0], float(headers["webhook-timestamp"]))
    assert {told["data"].get("by") for told in receiver.events("webhook.test")} == {"ada"}
    verbs = {(entry.verb, entry.actor) for entry in platform.platform.audit.entries()}
    assert {("webhook.tested", "ada"), ("webhook.resent", "ada")} <= verbs


def test_what_is_not_there_is_said(told: tuple[Victim, Receiver]) -> None:
    platform, _ = told
    mistakes = {
        ("POST", "/nobody/test"): 404,
        ("POST", "/deliveries/4711/resend"): 404,
        ("GET", "/deliveries?state=lost"): 422,
        ("GET", "/deliveries?limit=0"): 422,
    }

    for (method, path), status in mistakes.items():
        answer = platform.ask(method, f"/api/v1/webhooks{path}", TOKEN, json={"by": "ada"})
        assert answer.status_code == status, path
        assert "error" in answer.json()
