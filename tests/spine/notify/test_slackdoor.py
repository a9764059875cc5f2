"""Buttons from Slack: known by their signature, pressed once, and done as the person who pressed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.spine.notify.board import NOON
from tests.spine.notify.servers import Service, service

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ConflictError, ForbiddenError, InputError
from wellkept.spine.notify.receivers import Slack
from wellkept.spine.notify.senders.slack import ACKNOWLEDGE, RESOLVE
from wellkept.spine.notify.slackdoor import SlackDoor, signature
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Transport
from wellkept.store.state.state import State
from wellkept.store.state.webhooks import ReceivedRows

NOW = str(int(NOON.timestamp()))
Opening = Callable[..., SlackDoor]


@pytest.fixture
def there() -> Iterator[Service]:
    with service() as made:
        yield made


@pytest.fixture
def done() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def opening(state: State, there: Service, done: list[tuple[str, str, str]]) -> Opening:
    def acknowledge(incident: str, by: str) -> str:
        if incident == "inc-over":
            raise ConflictError("incident inc-over", "is over already")
        done.append(("acknowledge", incident, by))
        return ""

    def opened(**more: Any) -> SlackDoor:
        given = {"channel": "C1", "api_url": f"{there.url}/api", "signing_env": "SIGN", **more}
        receiver = Slack.model_validate({"type": "slack", "name": "chat", "secret_env": "S", **given})
        secrets, transport = Secrets({"S": "xoxb", "SIGN": "new old"}), Transport(["127.0.0.0/8"])
        clock = SettableClock(NOON)
        return SlackDoor([receiver], secrets, ReceivedRows(state), {ACKNOWLEDGE: acknowledge}, transport, clock)

    return opened


def body(there: Service, action: str = ACKNOWLEDGE, incident: str = "inc-1", **more: Any) -> bytes:
    payload = {
        "type": "block_actions",
        "user": {"id": "U123", "username": "ada"},
        "channel": {"id": "C1"},
        "actions": [{"action_id": action, "value": incident}],
        "response_url": f"{there.url}/answer",
        **more,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def headers(text: bytes, secret: str = "new", moment: str = NOW) -> dict[str, str]:
    return {"x-slack-request-timestamp": moment, "x-slack-signature": signature(secret, moment, text)}


def press(door: SlackDoor, text: bytes, **signing: str) -> str:
    found = door.read(headers(text, **signing), text)
    assert found is not None
    return door.do(found)


def test_the_signature_is_that_of_slacks_own_example() -> None:
    given = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )

    assert (
        signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", given)
        == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_a_press_is_done_once_as_who_pressed(opening: Opening, there: Service, done: list[Any]) -> None:
    door, text = opening(), body(there)

    assert press(door, text) == ""
    assert press(door, text) == "it was done already"

    assert done == [("acknowledge", "inc-1", "slack:ada")]
    assert there.came == []


def test_an_older_secret_of_a_change_still_fits(opening: Opening, there: Service, done: list[Any]) -> None:
    assert press(opening(), body(there), secret="old") == ""
    assert len(done) == 1


@pytest.mark.parametrize(
    "signing",
    [{"secret": "stolen"}, {"moment": str(int(NOW) - 301)}, {"moment": str(int(NOW) + 301)}, {"moment": "soon"}],
)
def test_what_is_not_signed_or_not_new_is_refused(opening: Opening, there: Service, signing: dict[str, str]) -> None:
    text = body(there)

    with pytest.raises(ForbiddenError):
        opening().read(headers(text, **signing), text)


def test_a_changed_body_is_refused(opening: Opening, there: Service) -> None:
    with pytest.raises(ForbiddenError, match="fits no signing secret"):
        opening().read(headers(body(there)), body(there, incident="inc-2"))


def test_only_mapped_people_may_press_where_people_are_mapped(
    opening: Opening, there: Service, done: list[Any]
) -> None:
    press(opening(people={"U123": "ada@shop"}), body(there))
    said = press(opening(people={"U999": "bob"}), body(there, incident="inc-2"))

    assert done == [("acknowledge", "inc-1", "ada@shop")]
    assert said.startswith("You (U123) are not among the people of receiver chat")
    assert there.documents("/answer")[0]["text"] == said


def test_what_cannot_be_done_is_said_to_who_pressed_and_to_nobody_else(opening: Opening, there: Service) -> None:
    press(opening(), body(there, incident="inc-over"))
    press(opening(), body(there, action=RESOLVE))

    over, unknown = there.documents("/answer")
    assert over == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "incident inc-over: is over already",
    }
    assert unknown["text"] == "this platform cannot do that"


def test_answers_go_nowhere_but_to_slack(opening: Opening, there: Service) -> None:
    text = body(there, incident="inc-over", response_url="http://127.0.0.1:1/elsewhere")
    found = opening().read(headers(text), text)

    assert found is not None
    assert found.answer_url == ""


@pytest.mark.parametrize(
    "text", [b"payload=nonsense", b"nothing=1", b"payload=[]", b"\xff", urlencode({"payload": "{"}).encode()]
)
def test_what_is_signed_and_malformed_is_said(opening: Opening, text: bytes) -> None:
    with pytest.raises(InputError):
        opening().read(headers(text), text)


def test_other_presses_are_none_of_ours(opening: Opening, there: Service) -> None:
    for text in (body(there, type="view_closed"), body(there, action="wellkept_open")):
        assert opening().read(headers(text), text) is None
