"""The channels against real servers: what they send, and what they make of every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.spine.notify.board import NOON, URL
from tests.spine.notify.servers import MailServer, Service, mail_server, service

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Severity
from wellkept.kernel.webhooks import key_of, secret_of, verified
from wellkept.spine.notify.channels import senders_of
from wellkept.spine.notify.receivers import Receiver
from wellkept.spine.notify.senders.base import Sender
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.snapshot import Phase, Snapshot, digest_of
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Transport

SECRET = secret_of(b"k" * 32)
OPEN = Snapshot(
    subject="incident:inc-1",
    event="incident",
    version=7,
    phase=Phase.OPEN,
    severity=Severity.CRITICAL,
    title="checkout <fails> & more",
    at=NOON,
    path="/incidents/inc-1",
    sentence="critical, as service:shop/pay is of tier 1",
    entities=("service:shop/pay", "host:a"),
    entity_count=12,
    finding_count=40,
    owner="payments",
    opened_at=NOON,
    ticket="TCK-1",
)
ACKNOWLEDGED = replace(OPEN, phase=Phase.ACKNOWLEDGED, by="ada", at=NOON + timedelta(minutes=5))
OVER = replace(OPEN, phase=Phase.OVER, at=NOON + timedelta(hours=1), ended_at=NOON + timedelta(hours=1))


def message(now: Snapshot = OPEN, before: Snapshot | None = None, word: str = "", key: str = "ntf_1") -> Message:
    return Message(key, "thread-1", now, word, URL, before)


def sender(environment: dict[str, str] | None = None, **receiver: Any) -> Sender:
    given = {"name": "x", **({} if receiver["type"] == "email" else {"secret_env": "S"}), **receiver}
    route = {"receivers": ["x"]}
    settings = NotifySettings.model_validate({"receivers": [given], "route": route, "networks": ["127.0.0.0/8"]})
    secrets = Secrets({"S": SECRET, **(environment or {})})
    transport = Transport(settings.networks, setting="notify.networks")
    return senders_of(settings, secrets, transport, SettableClock(NOON))["x"]


@pytest.fixture
def there() -> Iterator[Service]:
    with service() as made:
        yield made


@pytest.fixture
def post() -> Iterator[MailServer]:
    with mail_server() as made:
        yield made


def test_a_webhook_is_a_signed_cloudevent_with_an_idempotency_key(there: Service) -> None:
    sent = sender(type="webhook", url=f"{there.url}/in").send(message(), {})

    assert sent.is_taken
    ((_, headers, body),) = there.came
    assert verified([key_of(SECRET)], headers, body, NOON.timestamp()) == "ntf_1"
    assert headers["idempotency-key"] == headers["webhook-id"] == "ntf_1"
    told = json.loads(body)
    assert (told["type"], told["subject"], told["id"]) == ("incident.opened", "incident:inc-1", "ntf_1")
    assert told["data"]["severity"] == "critical"
    assert told["data"]["link"] == "https://wellkept.example/incidents/inc-1"


@pytest.mark.parametrize(
    ("status", "headers", "taken", "helps", "wait_s"),
    [
        (204, {}, True, True, 0),
        (500, {}, False, True, 0),
        (429, {"Retry-After": "17"}, False, True, 17),
        (
            503,
            {"Retry-After": "Tue, 24 Nov 2026 12:05:00 GMT", "Date": "Tue, 24 Nov 2026 12:04:20 GMT"},
            False,
            True,
            40,
        ),
        (503, {"Retry-After": "whenever"}, False, True, 0),
        (408, {}, False, True, 0),
        (400, {}, False, False, 0),
        (301, {}, False, False, 0),
    ],
)
def test_an_answer_says_whether_another_try_helps(
    there: Service, status: int, headers: dict[str, str], taken: bool, helps: bool, wait_s: float
) -> None:
    there.answer = lambda *_: (status, headers, {})

    kinds: tuple[dict[str, Any], ...] = (
        {"type": "webhook", "url": there.url},
        {"type": "pagerduty", "url": there.url},
    )
    for kind in kinds:
        sent = sender(**kind).send(message(), {})
        assert (sent.is_taken, sent.is_taken or sent.retry_helps, sent.retry_after_s) == (taken, helps, wait_s)


def test_pagerduty_gets_one_alert_that_is_triggered_acknowledged_and_resolved(there: Service) -> None:
    made = sender(type="pagerduty", url=f"{there.url}/v2/enqueue")
    there.answer = lambda *_: (202, {}, {"status": "success"})

    for now, before in ((OPEN, None), (ACKNOWLEDGED, OPEN), (OVER, ACKNOWLEDGED)):
        assert made.send(message(now, before), {}).is_taken

    told = there.documents()
    assert [one["event_action"] for one in told] == ["trigger", "acknowledge", "resolve"]
    assert {one["dedup_key"] for one in told} == {"wellkept:incident:inc-1"}
    assert {one["routing_key"] for one in told} == {SECRET}
    assert told[0]["payload"]["severity"] == "critical"
    assert told[0]["payload"]["source"] == told[0]["payload"]["component"] == "service:shop/pay"
    assert told[0]["payload"]["timestamp"] == "2026-11-24T12:00:00+00:00"
    assert told[0]["links"] == [{"href": f"{URL}/incidents/inc-1", "text": "Open in Wellkept"}]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"errors": ["'routing_key' is invalid", f"got {SECRET}"]}, "answered 400: 'routing_key' is invalid; got …"),
        ({"message": "Event object is invalid"}, "answered 400"),
        ({"errors": [7, {}]}, "answered 400"),
        ([], "answered 400"),
    ],
)
def test_pagerduty_says_what_is_wrong_with_an_event(there: Service, answer: Any, said: str) -> None:
    there.answer = lambda *_: (400, {}, answer)
    sent = sender(type="pagerduty", url=there.url).send(message(), {})
    assert (sent.is_taken, sent.retry_helps, sent.said) == (False, False, said)


def slack(there: Service, **more: Any) -> Sender:
    return sender({"SIGN": "shh"}, type="slack", channel="C1", api_url=f"{there.url}/api", **more)


def test_slack_gets_one_message_that_is_updated(there: Service) -> None:
    there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "17.5"})
    made = slack(there, signing_env="SIGN")

    first = made.send(message(), {})
    second = made.send(message(ACKNOWLEDGED, OPEN, key="ntf_2"), first.reference)

    assert first.reference == second.reference == {"channel": "C1", "ts": "17.5"}
    assert [path for path, _, _ in there.came] == ["/api/chat.postMessage", "/api/chat.update"]
    assert there.came[0][1]["authorization"] == f"Bearer {SECRET}"
    posted, updated = there.documents()
    assert updated["ts"] == "17.5"
    assert posted["blocks"][0]["text"]["text"] == "[critical] checkout <fails> & more"
    assert posted["text"] == "[critical] checkout &lt;fails&gt; &amp; more"
    buttons = [[one["text"]["text"] for one in document["blocks"][-1]["elements"]] for document in (posted, updated)]
    assert buttons == [["Acknowledge", "Resolve", "Silence 1 h", "Open"], ["Resolve", "Silence 1 h", "Open"]]


def test_slack_says_without_noise_that_it_is_silenced_and_offers_no_silence_then(there: Service) -> None:
    there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "1"})
    silenced = replace(OPEN, held="silenced by ada until 13:00")

    slack(there, signing_env="SIGN").send(message(silenced, OPEN), {"channel": "C1", "ts": "1"})

    (document,) = there.documents()
    assert document["text"] == "[critical] held: checkout &lt;fails&gt; &amp; more"
    assert "silenced by ada until 13:00" in document["blocks"][1]["text"]["text"]
    assert [one["text"]["text"] for one in document["blocks"][-1]["elements"]] == ["Resolve", "Open"]


def test_what_joins_a_message_of_several_is_said_in_the_thread(there: Service) -> None:
    there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "17.5"})
    many = [replace(OPEN, subject=f"incident:{number}", title=f"trouble {number}") for number in range(4)]
    first, grown = digest_of("digest:1", "", many[:2]), digest_of("digest:1", "", many)
    over, held = replace(grown, phase=Phase.OVER), replace(grown, held="silenced by ada")

    slack(there).send(message(grown, first), {"channel": "C1", "ts": "17.5"})
    slack(there).send(message(replace(grown, owner="shop"), grown), {"channel": "C1", "ts": "17.5"})
    slack(there).send(message(over, first), {"channel": "C1", "ts": "17.5"})
    slack(there).send(message(held, first), {"channel": "C1", "ts": "17.5"})

    updated, reply, *silent = there.documents()
    assert (reply["thread_ts"], reply["reply_broadcast"]) == ("17.5", True)
    assert reply["text"] == ("2 more: [critical] 4 incidents (4 open)\n- critical: trouble 2\n- critical: trouble 3")
    assert "2 more have joined since this was told last." in updated["blocks"][1]["text"]["text"]
    assert [("thread_ts" in one, one["ts"]) for one in silent] == [(False, "17.5")] * 3


def test_slack_has_no_buttons_without_a_signing_secret_and_none_when_it_is_over(there: Service) -> None:
    there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "1"})

    slack(there).send(message(), {})
    slack(there, signing_env="SIGN").send(message(OVER, OPEN), {"channel": "C1", "ts": "1"})

    for document in there.documents():
        assert [one["text"]["text"] for one in document["blocks"][-1]["elements"]] == ["Open"]


def test_what_an_edit_would_hide_is_said_in_the_thread(there: Service) -> None:
    there.answer = lambda *_: (200, {}, {"ok": True, "channel": "C1", "ts": "17.5"})

    slack(there).send(message(OPEN, OPEN, word="Nobody has acknowledged this"), {"channel": "C1", "ts": "17.5"})

    updated, reply = there.documents()
    assert (reply["thread_ts"], reply["reply_broadcast"]) == ("17.5", True)
    assert reply["text"] == "Nobody has acknowledged this"
    assert "thread_ts" not in updated


@pytest.mark.parametrize(
    ("error", "helps"), [("ratelimited", True), ("internal_error", True), ("invalid_auth", False), ("no_text", False)]
)
def test_what_slack_says_is_an_error_though_it_answers_200(there: Service, error: str, helps: bool) -> None:
    there.answer = lambda *_: (200, {}, {"ok": False, "error": error})

    sent = slack(there).send(message(), {})

    assert (sent.is_taken, sent.said, sent.retry_helps) == (False, error, helps)


def test_a_message_that_somebody_deleted_is_posted_anew(there: Service) -> None:
    there.answer = lambda path, *_: (
        (200, {}, {"ok": False, "error": "message_not_found"})
        if path.endswith("update")
        else (200, {}, {"ok": True, "channel": "C1", "ts": "99"})
    )

    sent = slack(there).send(message(ACKNOWLEDGED, OPEN), {"channel": "C1", "ts": "1"})

    assert sent.reference == {"channel": "C1", "ts": "99"}


def mail(post: MailServer, **more: Any) -> Sender:
    sender_, to = "wellkept@shop.example", ["oncall@shop.example", "boss@shop.example"]
    return sender(type="email", sender=sender_, to=to, host="127.0.0.1", port=post.port, tls="none", **more)


def test_mails_about_an_incident_are_a_thread_in_plain_text_and_html(post: MailServer) -> None:
    made = mail(post)

    first = made.send(message(), {})
    second = made.send(message(OVER, OPEN, key="ntf_2"), first.reference)

    assert first.is_taken
    assert first.reference == second.reference == {"first": "<ntf_1@shop.example>"}
    one, two = post.mails
    assert one["Subject"] == "[critical] checkout <fails> & more"
    assert (one["To"], one["Message-ID"]) == ("oncall@shop.example, boss@shop.example", "<ntf_1@shop.example>")
    assert one["References"] is None
    assert two["Subject"] == "Re: over: checkout <fails> & more"
    assert two["In-Reply-To"] == two["References"] == "<ntf_1@shop.example>"
    plain, html = one.get_body(("plain",)), one.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Affected: service:shop/pay, host:a and 10 more" in plain.get_content()
    assert "checkout &lt;fails&gt; &amp; more" in html.get_content()
    assert "Until: 2026-11-24 13:00:00 UTC" in str(two.get_body(("plain",)))


@pytest.mark.parametrize(("answer", "helps"), [("450 later", True), ("550 nobody", False)])
def test_a_mail_server_says_whether_another_try_helps(post: MailServer, answer: str, helps: bool) -> None:
    post.refuse = answer

    sent = mail(post).send(message(), {})

    assert (sent.is_taken, sent.retry_helps) == (False, helps)
    assert sent.said == f"all recipients were refused: {answer[:3]}"


def test_a_mail_server_that_is_busy_or_away_is_tried_again(post: MailServer) -> None:
    post.greet = "421 busy"
    assert mail(post).send(message(), {}).retry_helps
    post.port = 1

    sent = mail(post).send(message(), {})

    assert (sent.is_taken, sent.retry_helps) == (False, True)
    assert "refused" in sent.said


def test_a_mail_server_that_never_ends_is_left_in_time(post: MailServer) -> None:
    post.greet = ""

    sent = mail(post, timeout_s=0.3).send(message(), {})

    assert (sent.is_taken, sent.retry_helps) == (False, True)


def test_a_password_goes_over_tls_alone(post: MailServer) -> None:
    with pytest.raises(ValueError, match="plain text"):
        mail(post, user="me", secret_env="S")

    sent = sender(
        type="email", sender="a@b.example", to=["c@d.example"], host="127.0.0.1", port=post.port, user="me",
        secret_env="S",
    ).send(message(), {})  # fmt: skip

    assert not sent.is_taken
    assert SECRET not in sent.said


def test_apprise_reaches_a_service_by_its_url(there: Service) -> None:
    place = there.url.removeprefix("http://")

    sent = sender({"S": f"json://{place}/in"}, type="apprise").send(message(), {})

    assert (sent.is_taken, sent.said) == (True, "JSON took it")
    (told,) = there.documents()
    assert (told["title"], told["type"]) == ("[critical] checkout <fails> & more", "failure")
    assert "Ticket: TCK-1" in told["message"]


def test_apprise_says_what_is_wrong_and_never_its_url(there: Service) -> None:
    place = there.url.removeprefix("http://")
    there.answer = lambda *_: (500, {}, {})

    for url, said in (
        (f"json://user:secretword@{place}/in", "JSON did not take it"),
        ("json://user:secretword@10.1.2.3/in", "not public; notify.networks may name it"),
        ("nonsense://secretword", "must be a URL of apprise"),
        ("syslog://secretword", "a service that people read"),
    ):
        made = sender({"S": url}, type="apprise")
        sent = made.send(message(), {})
        assert not sent.is_taken
        assert said in sent.said
        assert "secretword" not in sent.said + made.problem()


def test_apprise_ends_in_time_and_follows_no_redirect(there: Service) -> None:
    place = there.url.removeprefix("http://")
    there.answer = lambda *_: (307, {"Location": f"{there.url}/elsewhere"}, {})

    sent = sender({"S": f"json://{place}/in"}, type="apprise", timeout_s=5).send(message(), {})

    assert not sent.is_taken
    assert [path for path, _, _ in there.came] == ["/in"]


KINDS: list[dict[str, Any]] = [
    {"type": "webhook", "url": "https://hooks.example/x"},
    {"type": "pagerduty"},
    {"type": "slack", "channel": "C1"},
    {"type": "apprise"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind["type"]))
def test_a_secret_that_is_not_there_is_said_and_is_no_end(kind: dict[str, Any]) -> None:
    made = sender({"S": ""}, **kind)

    sent = made.send(message(), {})

    assert (sent.is_taken, sent.retry_helps) == (False, True)
    assert made.problem() == sent.said
    assert "the variable S must hold 1 to 8 secrets" in sent.said


def test_every_kind_of_receiver_has_a_sender() -> None:
    kinds = {kind["type"] for kind in KINDS} | {"email"}
    schema = TypeAdapter(Receiver).json_schema()["discriminator"]["mapping"]

    assert set(schema) == kinds


def test_no_receiver_is_reached_at_addresses_that_are_not_public() -> None:
    settings = NotifySettings.model_validate(
        {
            "receivers": [{"type": "webhook", "name": "x", "url": "https://10.0.0.1/", "secret_env": "S"}],
            "route": {"receivers": ["x"]},
        }
    )
    transport = Transport(settings.networks, setting="notify.networks")
    made = senders_of(settings, Secrets({"S": SECRET}), transport, SettableClock(NOON))["x"]

    assert "notify.networks may name it" in made.send(message(), {}).said
