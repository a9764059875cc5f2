"""Rewording says the same facts or is not shown; the key and secrets of the story stay here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.scene import NOON, Scene, open_scene

from wellkept.kernel.diagnosis import Cause, Diagnosis, Reworded
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.ops.diagnose.reword import RewordSettings, strayed
from wellkept.ops.diagnose.rewording import Rewording
from wellkept.spine.topology import Topology
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Transport

STORY = (
    "shop/payments (cpu) is the most likely cause since 12:00:10 UTC, with a probability of 83%. CPU of shop/payments "
    "went from 20% to 98% of its limit. It reaches shop/checkout by way of shop/payments → shop/checkout. Less likely: "
    "shop/ledger (9%). That it is none of the suspects has a probability of 5%."
)
SUSPECTS, NAMES = ["shop/payments", "shop/ledger"], ["payments", "checkout", "ledger", "cart", "shop/cart"]
FAIR = (
    "The most likely cause, with 83%, is shop/payments: its CPU rose from 20% to 98% of its limit at 12:00:10 UTC, and "
    "shop/checkout suffers from that. shop/ledger (9%) is less likely, and 5% remain for none of the suspects."
)


def wrong(text: str) -> str:
    return strayed(STORY, text, SUSPECTS, NAMES)


def test_what_says_the_same_is_shown() -> None:
    assert wrong(FAIR) == wrong(STORY) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "says nothing"),
        (FAIR.replace("98%", "99%"), "says 99"),
        (FAIR.replace("83%", "9%", 1).replace("(9%)", "(83%)"), "another order"),
        (FAIR.replace("83%", "9 percent", 1).replace("(9%)", "(83 per cent)"), "another order"),
        (FAIR.replace("shop/checkout", "shop/cart"), "names shop/cart"),
        (FAIR.replace("shop/checkout", "the cart"), "names cart"),
        (FAIR + " Two hosts are affected.", "says two"),
        (FAIR + " Restart pod-7f9c.", "says 7"),
        (FAIR + " See userService.", "names userService"),
        (FAIR.replace("is shop/payments", "is not shop/payments"), "denies more"),
        ("shop/ledger came before shop/payments.", "does not name shop/payments first"),
        ("Somebody used 98% of the CPU.", "leaves out shop/payments"),
        (FAIR * 3, "characters long"),
    ],
)
def test_what_says_anything_else_is_not(text: str, why: str) -> None:
    assert why in wrong(text)


@given(st.integers(0, 10_000), st.sampled_from(["{} ms", "{}%", "since {}"]))
def test_no_number_gets_in(number: int, form: str) -> None:
    told = form.format(number)
    assert bool(wrong(f"{FAIR} And {told}.")) or str(number) in {"83", "20", "98", "9", "5"}


@dataclass
class Model(ThreadingHTTPServer):
    """A local server that speaks the protocol and answers what the test says."""

    answer: Any = ""
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    __hash__ = object.__hash__


class _Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append({"path": self.path, "key": self.headers.get("authorization"), **body})
        said = json.dumps({"choices": [{"message": {"role": "assistant", "content": self.server.answer}}]}).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def model() -> Iterator[Model]:
    made = Model()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join(10)
    made.server_close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = open_scene(tmp_path)
    yield made
    made.state.close()


@pytest.fixture
def told(scene: Scene) -> Diagnosis:
    scene.stream.save_incident(Incident("inc-1", "slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ()))
    causes = tuple(Cause(f"service:{name}", 0.9, ()) for name in SUSPECTS)
    made = Diagnosis("inc-1", NOON, "2", causes, "It is payments.", story=f"{STORY} It says password=hunter2.")
    scene.stream.save_diagnosis(made)
    return made


def runner(scene: Scene, model: Model, **more: Any) -> Rewording:
    topology = Topology(scene.state)
    topology.observe(
        [Entity(EntityKind.SERVICE, f"service:shop/{name}", name) for name in ("payments", "cart")], [], NOON
    )
    url = f"http://127.0.0.1:{model.server_address[1]}/v1/chat/completions"
    wanted = {"url": url, "model": "small", "key_env": "LLM_KEY", "networks": ("127.0.0.0/8",), **more}
    settings = RewordSettings.model_validate(wanted)
    transport = Transport(settings.networks, setting="ops.diagnose.reword.networks")
    return Rewording(settings, scene.stream, topology, Secrets({"LLM_KEY": "sk-very-secret"}), transport)


def test_the_paragraph_is_reworded_once_and_its_secrets_stay_here(scene: Scene, model: Model, told: Diagnosis) -> None:
    model.answer = f"`{FAIR}`"
    asking = runner(scene, model)
    assert (asking.tick(NOON), asking.tick(NOON + timedelta(hours=1))) == (1, 0)
    found = scene.stream.diagnosis("inc-1")
    assert found is not None
    assert found.reworded is not None
    assert (found.reworded.text, found.reworded.by, found.story) == (FAIR, "small", told.story)
    (asked,) = model.asked
    assert (asked["path"], asked["key"], asked["model"]) == ("/v1/chat/completions", "Bearer sk-very-secret", "small")
    assert "hunter2" not in json.dumps(asked["messages"])


def test_what_strays_is_kept_with_why_and_not_shown(scene: Scene, model: Model, told: Diagnosis) -> None:
    model.answer = FAIR.replace("98%", "100%")
    runner(scene, model).tick(NOON)
    found = scene.stream.diagnosis("inc-1")
    assert found is not None
    assert found.reworded is not None
    assert (found.reworded.text, found.reworded.refused) == ("", "it says 100, which the original does not")
    assert found.causes == told.causes


def test_one_that_fails_keeps_none_of_the_others_back(scene: Scene, model: Model, told: Diagnosis) -> None:
    scene.stream.save_incident(Incident("inc-0", "slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, ()))
    scene.stream.save_diagnosis(replace(told, incident="inc-0"))
    model.status = 500
    with pytest.raises(InputError):
        runner(scene, model).tick(NOON)
    assert len(model.asked) == 2


def test_words_for_the_paragraph_of_before_are_dropped(scene: Scene, told: Diagnosis) -> None:
    newer = replace(told, story="Another paragraph.")
    scene.stream.save_diagnosis(newer)
    words = Reworded("In other words.", "small", NOON)
    assert not scene.stream.reword("inc-1", told.story, words)
    assert scene.stream.diagnosis("inc-1") == newer
    assert scene.stream.reword("inc-1", newer.story, words)
    assert scene.stream.diagnosis("inc-1") == replace(newer, reworded=words)
    assert not scene.stream.reword("inc-2", "", words)


def test_what_fails_is_tried_again_later_and_the_key_is_never_told(
    scene: Scene, model: Model, told: Diagnosis, caplog: pytest.LogCaptureFixture
) -> None:
    model.status = 500
    url = f"http://127.0.0.1:{model.server_address[1]}/v1/chat/completions?key=another-secret"
    asking = runner(scene, model, url=url)
    for after in (0, 61):
        with pytest.raises(InputError, match="answered 500") as failed:
            asking.tick(NOON + timedelta(seconds=after))
        assert asking.tick(NOON + timedelta(seconds=after + 30)) == 0
        assert "secret" not in str(failed.value) + caplog.text
    model.status, model.answer = 200, {"not": "text"}
    assert asking.tick(NOON + timedelta(seconds=130)) == 1
    assert len(model.asked) == 3
    assert told.reworded is None


def test_addresses_of_the_own_network_are_asked_only_where_that_is_said(
    scene: Scene, model: Model, told: Diagnosis
) -> None:
    asking = runner(scene, model, networks=())
    with pytest.raises(InputError, match=r"ops\.diagnose\.reword\.networks"):
        asking.tick(NOON)
    assert (model.asked, told.reworded) == ([], None)


def test_two_places_of_the_key_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="at most one of key_file, key_env"):
        RewordSettings.model_validate({"url": "https://x.example/v1", "model": "m", "key_env": "A", "key_file": "k"})
    with pytest.raises(InputError):
        Secrets({}).texts(RewordSettings(url="https://x.example/v1", model="m", key_env="A").key)  # type: ignore[arg-type]
