"""The outbox: told once a thing, kept until it is taken, tried again with growing pauses, given up with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.webhooks.post import EVERYTHING, NOON, SECRET, Post

from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.webhooks import key_of, verified
from wellkept.spine.registry import ModelVersion
from wellkept.spine.webhooks.events import event, is_wanted
from wellkept.spine.webhooks.outbox import JITTER, LONGEST_PAUSE_S, pause_after
from wellkept.spine.webhooks.send import Answer

DOWN = Answer(503, "answered 503")
Opening = Callable[..., Post]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    made: list[Post] = []

    def open_(*send: dict[str, Any], **more: Any) -> Post:
        made.append(Post(tmp_path, *send, **more))
        made[-1].outbox.gather()
        return made[-1]

    yield open_
    for post in made:
        post.close()


@pytest.fixture
def post(opening: Opening) -> Post:
    return opening()


def version(number: int = 1) -> ModelVersion:
    return ModelVersion("fraud", f"sha256:{number}", NOON, "a", "onnx", "s", metrics={"roc_auc": 0.9})


def finding(**changes: Any) -> Finding:
    known = Finding("f", "anomaly", "1", "service:shop/x", FindingKind.ANOMALY, Severity.ERROR, 1.0, "z", NOON, "slow")
    return replace(known, **changes)


def test_what_happened_before_an_endpoint_was_there_is_not_told(tmp_path: Path) -> None:
    post = Post(tmp_path)
    post.note()

    assert post.turn() == 0
    post.note()
    assert post.turn() == 1
    post.close()


def test_a_decision_is_a_signed_cloudevent(post: Post) -> None:
    post.note("plan.approved", why="looks right")

    assert post.turn() == 1

    post.check_signatures()
    (told,) = post.played.told()
    assert (told["specversion"], told["type"], told["subject"]) == ("1.0", "plan.decided", "pln-1")
    assert told["data"] == {"actor": "ada", "entry": 1, "details": {"why": "looks right"}, "approved": True}
    assert post.played.sent[0][2]["webhook-id"] == told["id"]
    assert post.played.sent[0][2]["content-type"] == "application/cloudevents+json"


def test_versions_promotions_findings_and_incidents_are_told_from_where_they_are_kept(post: Post) -> None:
    post.registry.register(version())
    post.registry.set_alias("fraud", "champion", "sha256:1", expected=None, at=NOON, by="pln-1:0")
    post.registry.set_alias("fraud", "shadow", "sha256:1", expected=None, at=NOON, by="ada")
    post.findings.merge([finding()], NOON)
    incident = Incident("inc-1", "slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ())
    post.incidents.save(incident)

    post.turn()

    assert [told["type"] for told in post.played.told()] == [
        "version.registered",
        "model.promoted",
        "alias.moved",
        "finding.opened",
        "incident.opened",
    ]


def test_a_thing_is_told_once_however_often_it_is_written(post: Post) -> None:
    for minute in range(3):
        post.findings.merge([finding()], NOON + timedelta(minutes=minute))
        post.turn()
    post.findings.end(["f"], NOON + timedelta(minutes=3))
    post.turn()

    assert [told["type"] for told in post.played.told()] == ["finding.opened", "finding.ended"]


def test_each_state_is_told_again_after_an_incident_was_open_again(post: Post) -> None:
    incident = Incident("inc-1", "slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ())
    minute = NOON
    post.incidents.save(incident)
    post.turn()
    for state in (IncidentState.MITIGATED, IncidentState.OPEN, IncidentState.MITIGATED):
        minute += timedelta(minutes=1)
        incident = incident.move(state, minute, "ada", "so it is")
        post.incidents.save(incident)
        post.turn()

    assert [told["type"] for told in post.played.told()] == [
        "incident.opened",
        "incident.mitigated",
        "incident.opened_again",
        "incident.mitigated",
    ]


def test_an_endpoint_gets_what_it_wants_and_nothing_else(opening: Opening) -> None:
    post = opening({**EVERYTHING, "events": ["plan.*", "training.failed"]}, {**EVERYTHING, "name": "other"})
    for verb in ("plan.proposed", "training.done", "training.lost"):
        post.note(verb)

    post.outbox.gather()

    kept = [(one.endpoint, one.type) for one in reversed(post.outbox.deliveries(None, None, 50))]
    assert [kind for endpoint, kind in kept if endpoint == "all"] == ["plan.proposed", "training.failed"]
    assert [kind for endpoint, kind in kept if endpoint == "other"] == [
        "plan.proposed",
        "training.done",
        "training.failed",
    ]


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3), st.lists(st.sampled_from("abc"), min_size=1, max_size=3)
)
def test_a_family_is_a_whole_word(words: list[str], family: list[str]) -> None:
    kind, pattern = ".".join(words), ".".join(family)

    assert is_wanted(kind, [f"{pattern}.*"]) == (words[: len(family)] == family and len(words) > len(family))
    assert is_wanted(kind, [pattern]) == (kind == pattern)
    assert is_wanted(kind, ["*"])


def test_what_is_not_taken_is_tried_again_later_under_the_same_id(post: Post) -> None:
    post.note()
    post.played.answers = [DOWN, DOWN]

    assert post.turn() == 0
    assert post.turn() == 0, "not before its time"
    for _ in range(2):
        post.clock.advance(timedelta(seconds=60))
        post.turn()

    (delivery,) = post.outbox.deliveries(None, None, 10)
    assert (delivery.state, delivery.attempts) == ("delivered", 3)
    assert [entry["status"] for entry in delivery.history] == [503, 503, 200]
    assert len({headers["webhook-id"] for _, _, headers in post.played.sent}) == 1
    assert len({headers["webhook-timestamp"] for _, _, headers in post.played.sent}) == 3
    post.check_signatures()


def test_one_that_is_down_gets_one_attempt_a_look_and_the_rest_waits(post: Post) -> None:
    for _ in range(5):
        post.note()
    post.played.answers = [DOWN]

    post.turn()

    assert len(post.played.sent) == 1
    assert len(post.outbox.deliveries(None, "waiting", 10)) == 5


def test_after_so_many_attempts_it_is_given_up_with_a_reason(opening: Opening) -> None:
    post = opening(attempts=3)
    post.note()
    post.played.answers = [DOWN] * 3

    for _ in range(5):
        post.turn()
        post.clock.advance(timedelta(days=1))

    (delivery,) = post.outbox.deliveries(None, "dead", 10)
    assert (delivery.attempts, delivery.reason) == (3, "given up after 3 attempts: answered 503")
    assert len(post.played.sent) == 3


def test_an_endpoint_that_is_gone_is_not_asked_again(post: Post) -> None:
    post.note()
    post.played.answers = [Answer(410, "answered 410")]

    post.turn()

    assert post.outbox.deliveries(None, "dead", 10)[0].reason == "the endpoint says that it is gone: answered 410"


def test_an_endpoint_may_ask_for_a_longer_pause(post: Post) -> None:
    post.note()
    post.played.answers = [Answer(429, "answered 429", retry_after_s=600)]

    post.turn()

    assert post.outbox.deliveries(None, None, 1)[0].next_at == NOON + timedelta(seconds=600)


@given(st.integers(1, 30), st.floats(0.1, 1000), st.text(max_size=10))
def test_pauses_grow_and_spread_and_end_somewhere(attempts: int, first_s: float, name: str) -> None:
    pause_s = pause_after(attempts, first_s, name)
    plain_s = min(first_s * 4.0 ** (attempts - 1), LONGEST_PAUSE_S)

    assert plain_s * (1 - JITTER) <= pause_s <= plain_s * (1 + JITTER)
    assert pause_s == pause_after(attempts, first_s, name)


def test_a_process_that_died_before_it_wrote_down_the_answer_sends_again_under_the_same_id(post: Post) -> None:
    post.note()
    post.outbox.gather()
    (waiting,) = post.outbox.deliveries(None, None, 10)
    post.played.post("", waiting.body.encode(), {"webhook-id": waiting.event}, 1.0)

    post.outbox = post.new_outbox()
    post.turn()
    post.turn()

    assert [headers["webhook-id"] for _, _, headers in post.played.sent] == [waiting.event] * 2


def test_by_hand_a_dead_delivery_begins_anew(opening: Opening) -> None:
    post = opening(attempts=1)
    post.note()
    post.played.answers = [DOWN]
    post.turn()
    (dead,) = post.outbox.deliveries(None, "dead", 10)

    post.outbox.resend(dead.number)
    post.turn()

    (delivery,) = post.outbox.deliveries(None, None, 10)
    assert (delivery.state, len(delivery.history)) == ("delivered", 2)
    post.outbox.resend(dead.number)
    with pytest.raises(ConflictError, match="waits"):
        post.outbox.resend(dead.number)
    with pytest.raises(NotFoundError):
        post.outbox.resend(4711)


@pytest.mark.parametrize("environment", [{}, {"ALL": ""}, {"ALL": "not-base64!"}])
def test_without_a_right_secret_nothing_is_sent_and_the_reason_does_not_tell_it(
    environment: dict[str, str], post: Post
) -> None:
    post.environment.clear()
    post.environment.update(environment)
    post.note()

    post.turn()

    (delivery,) = post.outbox.deliveries(None, None, 10)
    assert post.played.sent == []
    assert delivery.reason.startswith("secret: ")
    assert "not-base64!" not in delivery.reason
    assert post.outbox.secret_problem(post.outbox.endpoints[0])


def test_a_new_secret_in_its_file_is_used_at_once_and_the_old_one_still_fits(tmp_path: Path, opening: Opening) -> None:
    file, newer = tmp_path / "secret", "whsec_" + "QUFB" * 11
    file.write_text(SECRET)
    post = opening({"name": "all", "url": "https://x.example/", "secret_file": str(file)})
    file.write_text(f"{newer}\n{SECRET}\n")
    post.note()

    post.turn()

    _, body, headers = post.played.sent[0]
    for secret in (SECRET, newer):
        assert verified([key_of(secret)], headers, body, NOON.timestamp())


def test_secrets_and_endless_texts_in_what_happened_stay_here(post: Post) -> None:
    post.note(details={"api_key": "k-1", "nested": [{"Password": "p-1"}]}, long="x" * 100_000)

    post.turn()

    body = post.played.sent[0][1].decode()
    assert "k-1" not in body
    assert "p-1" not in body
    assert len(body) < 5000


def test_data_beyond_the_limit_of_a_body_are_left_out(post: Post) -> None:
    post.note(**{f"name{n}": "x" * 1900 for n in range(60)})

    post.turn()

    assert post.played.told()[0]["data"] == {"left_out": "more than 65536 bytes"}


def test_numbers_that_json_has_no_word_for_are_told_as_text(post: Post) -> None:
    post.outbox.tell(event("webhook.test", "x", NOON, {"value": float("nan")}), "all")
    post.turn()

    assert post.played.told()[0]["data"] == {"value": "NaN"}


def test_what_only_one_may_get_is_completed_while_it_is_sent_and_never_stored(tmp_path: Path) -> None:
    def seal(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "data": {**body["data"], "key": "run-key"}}

    post = Post(tmp_path, {**EVERYTHING, "events": ["plan.proposed"]}, {**EVERYTHING, "name": "b"}, seal=seal)
    post.outbox.tell(event("retrain.requested", "model:fraud", NOON, {"run": "r"}, "r"), "all")
    post.outbox.tell(event("retrain.requested", "model:fraud", NOON, {"run": "r"}, "r"), "all")
    post.turn()

    assert [told["data"] for told in post.played.told()] == [{"run": "r", "key": "run-key"}]
    (kept,) = post.outbox.deliveries(None, None, 10)
    assert "run-key" not in kept.body
    post.check_signatures()
    with pytest.raises(NotFoundError, match=r"webhooks\.send has all, b"):
        post.outbox.tell(event("retrain.requested", "model:fraud", NOON, {}), "nobody")
    post.close()


def test_what_is_settled_and_old_is_forgotten_and_not_told_again(post: Post) -> None:
    post.findings.merge([finding()], NOON)
    post.turn()
    post.clock.advance(timedelta(days=15))
    post.outbox.forget_old()
    post.findings.merge([finding()], post.clock.now())

    post.turn()

    assert post.outbox.deliveries(None, None, 10) == []
    assert len(post.played.sent) == 1


def test_what_waits_for_an_endpoint_that_is_gone_is_forgotten_when_it_is_old(opening: Opening) -> None:
    post = opening({**EVERYTHING, "name": "former"})
    post.note()
    post.outbox.gather()
    post.settings = post.settings.model_validate({"send": [EVERYTHING]})
    post.outbox = post.new_outbox()

    post.outbox.forget_old()
    assert [one.endpoint for one in post.outbox.deliveries(None, None, 10)] == ["former"]

    post.clock.advance(timedelta(days=15))
    post.outbox.forget_old()
    assert post.outbox.deliveries(None, None, 10) == []


def test_what_an_endpoint_works_with_is_neither_hidden_nor_cut(opening: Opening) -> None:
    post = opening()
    parameters = {"token_pattern": "[a-z]+", "note": "x" * 3000}

    post.outbox.tell(event("retrain.requested", "model:fraud", NOON, {"parameters": parameters}), "all")
    post.turn()

    assert post.played.told()[0]["data"]["parameters"] == parameters


def test_what_is_too_long_to_be_worked_with_is_refused(post: Post) -> None:
    with pytest.raises(InputError, match=r"event retrain\.requested: must be at most 65536 bytes"):
        post.outbox.tell(event("retrain.requested", "model:fraud", NOON, {"excluded": "x" * 70_000}), "all")


def test_while_nobody_wants_a_source_its_position_moves_on(opening: Opening) -> None:
    post = opening({**EVERYTHING, "events": ["incident.*"]})
    post.registry.register(version())
    post.outbox.gather()
    post.settings = post.settings.model_validate({"send": [EVERYTHING]})
    post.outbox = post.new_outbox()
    post.registry.register(version(2))

    post.turn()

    numbers = [told["data"]["version"] for told in post.played.told() if told["type"] == "version.registered"]
    assert numbers == [2]


def test_bodies_are_valid_json_and_small(post: Post) -> None:
    post.note(words="\u2028 </script> \ud83d\ude00")
    post.turn()

    assert json.loads(post.played.sent[0][1])["data"]["details"]["words"].startswith("\u2028")
