"""Messages that somebody else made: forged, replayed, changed on the way; and what even a right one cannot do."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.attacks.victim import SECRET, TOKEN, Victim

from wellkept.kernel.webhooks import key_of, signed

CHANGE = {"type": "change", "data": {"entity": "service:shop/checkout", "summary": "deploy 2.14"}}


@pytest.fixture
def door(platform: Victim) -> Victim:
    return platform


def ours(body: bytes, message: str, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    return signed([key_of(secret)], message, int(time.time() if at is None else at), body)


def say(door: Victim, body: bytes, headers: dict[str, str], name: str = "ours") -> httpx.Response:
    return door.ask("POST", f"/api/v1/hooks/{name}", content=body, headers=headers)


def changes(door: Victim) -> list[str]:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    found = door.platform.stream.changes(now - timedelta(hours=1), now + timedelta(hours=1))
    return [change.summary for change in found]


def body_of(**data: Any) -> bytes:
    return json.dumps({**CHANGE, "data": {**CHANGE["data"], **data}}).encode()  # type: ignore[dict-item]


def test_a_right_message_is_taken_and_written_down(door: Victim) -> None:
    answer = say(door, body_of(summary="right"), ours(body_of(summary="right"), "m-right"))

    assert answer.status_code == 200
    assert "right" in changes(door)
    entry = door.platform.audit.entries(1)[0]
    assert (entry.verb, entry.actor) == ("hook.taken", "hook:ours")


def test_a_replay_changes_nothing_and_gets_the_same_answer(door: Victim) -> None:
    body = body_of(summary="once")
    headers = ours(body, "m-once")
    first = say(door, body, headers).json()

    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: say(door, body, headers), range(8)))

    assert {answer.status_code for answer in again} == {200}
    assert all(answer.json() == {**first, "status": "duplicate"} for answer in again)
    assert changes(door).count("once") == 1


def test_of_many_at_once_one_is_taken(door: Victim) -> None:
    body = body_of(summary="race")
    headers = ours(body, "m-race")

    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: say(door, body, headers), range(16))]

    assert set(statuses) <= {200, 503}
    assert changes(door).count("race") == 1


@pytest.mark.parametrize("apart_s", [-301, 301, -86_400])
def test_an_old_message_is_refused_however_right_it_is(apart_s: float, door: Victim) -> None:
    body = body_of(summary="old")

    assert say(door, body, ours(body, f"m-old{apart_s}", time.time() + apart_s)).status_code == 401
    assert "old" not in changes(door)


def forged(kind: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    right = ours(body, "m-forged")
    other = "whsec_" + "QUFB" * 11
    match kind:
        case "no headers":
            return body, {}
        case "another secret":
            return body, ours(body, "m-forged", secret=other)
        case "changed body":
            return body + b" ", right
        case "changed id":
            return body, {**right, "webhook-id": "m-other"}
        case "changed time":
            return body, {**right, "webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)}
        case "empty signature":
            return body, {**right, "webhook-signature": ""}
        case "no secret":
            return body, {**right, "webhook-signature": "v1," + _base64(hmac.new(b"", body, "sha256").digest())}
        case "unsigned":
            return body, {**right, "webhook-signature": "v0,none v1a,AAAA none"}
        case "many":
            return body, {**right, "webhook-signature": "v1,AAAA " * 5000 + right["webhook-signature"]}
        case "the token":
            return body, {"Authorization": f"Bearer {TOKEN}"}
        case "github's":
            digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            return body, {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "push"}
        case _:
            return body, {"X-Gitlab-Token": SECRET}


@pytest.mark.parametrize(
    "kind",
    ["no headers", "another secret", "changed body", "changed id", "changed time", "empty signature", "no secret",
     "unsigned", "many", "the token", "github's", "gitlab's"],
)  # fmt: skip
def test_a_forged_message_is_refused(kind: str, door: Victim) -> None:
    body, headers = forged(kind, body_of(summary="forged"))

    answer = say(door, body, headers)

    assert answer.status_code == 401, answer.text
    assert "forged" not in changes(door)


def test_which_doors_there_are_is_not_told(door: Victim) -> None:
    body = body_of()
    unknown, broken = (say(door, body, ours(body, "m-unknown"), name) for name in ("unknown", "broken"))

    assert unknown.status_code == broken.status_code == 401
    assert unknown.json() == broken.json()
    assert SECRET not in broken.text


def github(body: bytes, event: str = "deployment_status", delivery: str = "d-1") -> dict[str, str]:
    digest = hmac.new(b"a-shared-word", body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": event, "X-GitHub-Delivery": delivery}


def test_a_message_of_github_is_not_taken_twice_under_another_delivery(door: Victim) -> None:
    """The id of a delivery is not signed: whoever has seen a message could send it again under a new one."""
    body = json.dumps({"repository": {"full_name": "shop/checkout"}, "deployment": {"ref": "v2.15"},
                       "deployment_status": {"state": "success"}}).encode()  # fmt: skip

    first, again = (say(door, body, github(body, delivery=f"d-{n}"), "github").json()["status"] for n in range(2))

    assert (first, again) == ("done", "duplicate")
    assert changes(door).count("deployment_status shop/checkout v2.15 success") == 1
    assert say(door, body, github(body, "push"), "github").json() == {"status": "ignored"}


def test_gitlab_is_known_by_its_word_alone(door: Victim) -> None:
    body = json.dumps(
        {"project": {"path_with_namespace": "shop/checkout"}, "object_attributes": {"ref": "main"}}
    ).encode()
    event = {"X-Gitlab-Event": "Pipeline Hook"}

    assert say(door, body, {**event, "X-Gitlab-Token": "a-shared-wor"}, "gitlab").status_code == 401
    assert say(door, body, {**event, "X-Gitlab-Token": "a-shared-word"}, "gitlab").json()["status"] == "done"


@pytest.mark.parametrize("deed", ["promote", "approve", "rollback", "set_alias", "report", "", None, 1, ["train"]])
def test_even_a_right_message_cannot_promote_or_decide(deed: Any, door: Victim) -> None:
    body = json.dumps({"type": deed, "data": {"model": "fraud", "version": "1"}}).encode()

    answer = say(door, body, ours(body, f"m-{deed}"))

    assert answer.status_code == 422
    assert door.platform.gate.plans() == []


@pytest.mark.parametrize(
    "data",
    [{"model": "churn"}, {"model": "../fraud"}, {"model": ["fraud"]}, {"model": "fraud", "project": "/tmp/evil"}],
    ids=str,
)
def test_a_door_trains_its_own_models_from_where_they_were_trained_alone(
    data: Any, door: Victim, tmp_path: Path
) -> None:
    body = json.dumps({"type": "train", "data": data}).encode()

    answer = say(door, body, ours(body, f"m-{data}".replace(".", "")))

    assert answer.status_code in (404, 422)
    assert door.platform.registry.jobs() == []


@pytest.mark.parametrize(
    "data",
    [{"kind": "promotion"}, {"kind": "remedy"}, {"entity": "x"}, {"summary": ""}, {"summary": "a\nb"},
     {"summary": "x" * 501}, {"reference": 1}, {"actor": "\x1b[31m"}],
    ids=lambda data: next(iter(data.items()))[0] + str(next(iter(data.values())))[:9],
)  # fmt: skip
def test_a_change_cannot_pass_for_something_that_the_platform_did(data: Any, door: Victim) -> None:
    body = body_of(**data)

    assert say(door, body, ours(body, "m-" + hashlib.sha256(body).hexdigest())).status_code == 422


NONSENSE = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "nested deeply": b"[" * 100_000,
    "no text": b"\xff",
    "too long": b"x" * ((1 << 20) + 1),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_a_right_signature_makes_no_nonsense_right(kind: str, door: Victim) -> None:
    body = NONSENSE[kind]
    answer = say(door, body, ours(body, "m-" + hashlib.sha256(body).hexdigest()))

    assert answer.status_code in (413, 422)


def test_a_message_that_was_at_fault_may_come_again(door: Victim) -> None:
    body = json.dumps({"type": "train", "data": {"model": "fraud"}}).encode()
    headers = ours(body, "m-again")

    assert [say(door, body, headers).status_code for _ in range(2)] == [404, 404], "not answered as a duplicate"


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
