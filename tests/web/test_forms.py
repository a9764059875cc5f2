"""Signing in, choosing a theme, deciding on a plan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from tests.web import scene as scenes
from tests.web import shop, stories
from tests.web.conftest import NOW, pass_by
from tests.web.scene import TOKEN, Scene

from wellkept.kernel.plan import PlanState
from wellkept.spine.registry import CHAMPION
from wellkept.web import session

pytestmark = pytest.mark.usefixtures("later")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two plans wait: a restart, and a promotion."""
    made = scenes.empty(tmp_path_factory.mktemp("forms"), NOW)
    try:
        shop.topology(made)
        shop.versions(made)
        stories.leak_incident(made)
        yield made
    finally:
        made.close()


def hidden(text: str, name: str) -> str:
    """The value of a hidden field on a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None
    return found.group(1)


def form_of(client: httpx.Client, plan: str, **fields: str) -> dict[str, str]:
    """The decision form of a plan as a browser would send it."""
    text = client.get("/approvals").text
    card = text[text.index(f'id="{plan}"') :]
    own = {name: hidden(card, name) for name in ("form_token", "hash", "back")}
    return {**own, "by": "ada", "why": "looks right", "decision": "approve"} | fields


def waiting(scene: Scene, words: str) -> str:
    """The id of the plan that waits under a title with these words."""
    records = scene.deps.gate.plans(state=PlanState.WAITING)
    return next(record.plan.id for record in records if words in record.plan.title)


def test_the_right_token_signs_in_and_the_cookie_is_kept_from_scripts(stranger: httpx.Client) -> None:
    answer = stranger.post("/login", data={"token": f" {TOKEN} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("data", [{"token": "wrong"}, {"token": ""}, {}])
def test_a_wrong_token_does_not(stranger: httpx.Client, data: dict[str, str]) -> None:
    answer = stranger.post("/login", data=data)
    assert answer.status_code == 403
    assert "not the token" in answer.text
    assert "set-cookie" not in answer.headers


def test_the_first_visit_leaves_a_clean_address(stranger: httpx.Client) -> None:
    assert stranger.get("/", params={"token": "wrong"}).headers["location"] == "/login"
    answer = stranger.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["referrer-policy"] == "same-origin"


def test_signing_out_needs_our_own_form(client: httpx.Client) -> None:
    assert client.post("/logout").status_code == 403
    assert client.post("/logout", data={"form_token": hidden(client.get("/").text, "form_token")}).status_code == 303
    assert session.COOKIE not in client.cookies
    assert client.get("/", headers={"accept": "text/html"}).headers["location"] == "/login"


def test_the_theme_is_kept(client: httpx.Client) -> None:
    token = hidden(client.get("/").text, "form_token")
    answer = client.post("/theme", data={"form_token": token, "theme": "dark", "back": "/audit"})
    assert answer.headers["location"] == "/audit"
    assert 'data-theme="dark"' in client.get("/audit").text
    client.post("/theme", data={"form_token": token, "theme": '"><script>', "back": "//evil.example"})
    assert 'data-theme="dark"' in client.get("/").text


def test_a_forged_form_decides_nothing(client: httpx.Client, scene: Scene) -> None:
    plan = waiting(scene, "Restart")
    for fields in ({"form_token": ""}, {"form_token": session.form_token("elsewhere")}):
        answer = client.post(f"/plans/{plan}/decide", data=form_of(client, plan, **fields))
        assert answer.status_code == 403
    record = scene.deps.gate.plan(plan)
    assert record is not None
    assert record.state is PlanState.WAITING


def test_the_session_cookie_is_of_no_use_at_the_api(client: httpx.Client, scene: Scene) -> None:
    plan = waiting(scene, "Restart")
    assert client.post(f"/api/v1/plans/{plan}/approve", json={"by": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"by": "  "}, 422, "by: is required"),
        ({"why": ""}, 422, "why: is required"),
        ({"why": "x" * 501}, 422, "at most 500"),
        ({"hash": "0" * 64}, 409, "another content"),
        ({"decision": "maybe"}, 422, "must be approve or reject"),
        ({"why": "x" * 20_000}, 413, "at most"),
    ],
)
def test_a_decision_that_breaks_a_rule_says_which(
    client: httpx.Client, scene: Scene, fields: dict[str, str], status: int, words: str
) -> None:
    plan = waiting(scene, "Restart")
    answer = client.post(f"/plans/{plan}/decide", data=form_of(client, plan, **fields))
    assert answer.status_code == status
    assert words in answer.text


def test_an_unknown_plan_is_said(client: httpx.Client, scene: Scene) -> None:
    fields = form_of(client, waiting(scene, "Restart"))
    assert client.post("/plans/pln-unknown/decide", data=fields).status_code == 404


def test_an_approval_is_for_what_was_on_the_page_and_happens_once(client: httpx.Client, scene: Scene) -> None:
    plan = waiting(scene, "Restart")
    fields = form_of(client, plan, by="Ada <b>", back="https://evil.example")
    answer = client.post(f"/plans/{plan}/decide", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/#{plan}")
    record = scene.deps.gate.plan(plan)
    assert record is not None
    assert record.state is PlanState.APPROVED
    assert record.decision is not None
    assert (record.decision.by, record.decision.why, record.decision.plan_hash) == (
        "Ada <b>",
        "looks right",
        fields["hash"],
    )
    again = client.post(f"/plans/{plan}/decide", data=fields)
    assert again.status_code == 409
    assert "does not wait" in again.text
    assert "approved by <b>Ada &lt;b&gt;</b>" in client.get("/approvals").text


def test_a_plan_whose_world_has_changed_is_void(client: httpx.Client, scene: Scene) -> None:
    plan = waiting(scene, "Promote")
    fields = form_of(client, plan)
    registry = scene.deps.registry
    one, two = registry.version("fraud", "1"), registry.version("fraud", "2")
    registry.set_alias("fraud", CHAMPION, one.digest, expected=two.digest, at=NOW, by="grace")
    answer = client.post(f"/plans/{plan}/decide", data=fields)
    assert answer.status_code == 409
    assert "the world changed" in answer.text


def test_a_rejection_needs_no_hash_of_its_own(client: httpx.Client, scene: Scene) -> None:
    registry = scene.deps.registry
    one, two = registry.version("fraud", "1"), registry.version("fraud", "2")
    registry.set_alias("fraud", CHAMPION, two.digest, expected=one.digest, at=NOW, by="grace")
    plan = shop.promotion(scene)
    scene.deps.gate.propose(replace(plan, id="pln-second"))
    pass_by(scene)
    answer = client.post(
        "/plans/pln-second/decide", data=form_of(client, "pln-second", decision="reject", why="not now")
    )
    assert answer.status_code == 303
    record = scene.deps.gate.plan("pln-second")
    assert record is not None
    assert record.state is PlanState.REJECTED


def test_runbooks_are_stopped_and_let_run_again_from_the_page(client: httpx.Client, scene: Scene) -> None:
    token = hidden(client.get("/approvals").text, "form_token")
    asked = {"form_token": token, "by": "ada", "brake": "pause", "why": "it <b>deletes</b> too much"}

    assert client.post("/runbooks/brake", data=asked).headers["location"] == "/approvals"
    assert "Runbooks are paused by ada: it &lt;b&gt;deletes&lt;/b&gt; too much." in client.get("/approvals").text
    assert "runbooks are paused" in client.get("/").text
    assert client.post("/runbooks/brake", data={**asked, "brake": "resume"}).status_code == 303
    assert "Stop all runbooks" in client.get("/approvals").text


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"form_token": ""}, 403), ({"why": " "}, 422), ({"by": ""}, 422), ({"brake": "faster"}, 422)],
)
def test_a_brake_needs_our_own_form_a_name_and_a_reason(
    client: httpx.Client, scene: Scene, fields: dict[str, str], status: int
) -> None:
    token = hidden(client.get("/approvals").text, "form_token")
    asked = {"form_token": token, "by": "ada", "brake": "pause", "why": "careful"}

    assert client.post("/runbooks/brake", data=asked | fields).status_code == status
    assert scene.deps.gate.brakes.paused(scene.deps.clock.now()) is None
