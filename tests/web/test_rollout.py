"""The panel of a rollout on its model's page: who answers how much, what is known, and the stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.web import scene as scenes
from tests.web import shop
from tests.web.conftest import NOW, browsing, served
from tests.web.scene import Scene

from wellkept.spine.rollouts import Look, Measured, Rollout, Rollouts, RolloutState

POLICY = {"strategy": "canary", "shares": [0.1, 0.5], "health": {"slow_ms": 40.0}}


def rolling(scene: Scene) -> Rollout:
    """A canary that has been looked at for a while, and has got a wider share on the way."""
    rollouts = Rollouts(scene.deps.registry._rows._state)
    scene.deps = replace(scene.deps, rollouts=rollouts, stop_rollout=lambda *said: stops.append(said))
    versions = {version.number: version.digest for version in scene.deps.registry.versions("fraud")}
    began = NOW - timedelta(minutes=20)
    rollout = rollouts.begin(
        Rollout("rol-1", "fraud", "pln-1:0", "canary", versions[2], versions[3], POLICY, began, began, step=1)
    )
    for minute in range(20):
        step, part = int(minute > 12), minute % 13 / 13
        failures = Measured(
            "errors",
            "open",
            0.001,
            0.004,
            0.01,
            1.5 * part,
            3 * part,
            "0.40% of its requests fail, 0.10% of the champion's",
        )
        quality = Measured(
            "quality", "open", 0.2, 0.21, 0.05, -1.0, 2 * part, "its mean loss is 0.21, 0.2 the champion's"
        )
        verdict = "widen" if minute == 12 else "hold"
        words = (
            "it does no harm, and gets 50% of the traffic" if minute == 12 else "missing are labels (38 of 200 known)"
        )
        missing = ("labels (38 of 200 known; labels 19% mature)",)
        at = began + timedelta(minutes=minute)
        rollouts.note(rollout, Look(at, step, verdict, words, (failures, quality), missing, (9000, 1000)))
    return rollout


stops: list[tuple[str, str, str]] = []


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = scenes.empty(tmp_path, NOW)
    shop.versions(made)
    stops.clear()
    yield made
    made.close()


def test_a_running_rollout_is_shown_with_all_that_is_known(scene: Scene) -> None:
    rolling(scene)
    with served(scene) as address, browsing(address) as client:
        text = client.get("/models/fraud").text

    for words in ("Canary rollout", "step 2 of 2", "50 %", "9000 requests", "1000 requests", "missing are labels"):
        assert words in text, words
    assert "0.40% of its requests fail" in text
    assert "<p>Still missing:</p><ul><li>labels (38 of 200 known; labels 19% mature)</li></ul>" in text
    assert "Evidence of harm: between" in text
    assert re.search(r"widen</span>\s*it does no harm, and gets 50% of the traffic", text)
    assert "Stop the rollout" in text


def test_it_is_stopped_through_the_page(scene: Scene) -> None:
    rolling(scene)
    with served(scene) as address, browsing(address) as client:
        proof = re.search(r'name="form_token" value="([^"]+)"', client.get("/models/fraud").text)
        assert proof is not None
        form = {"form_token": proof.group(1), "by": "Grace", "why": "customers complain"}
        answer = client.post("/models/fraud/rollout/stop", data=form)
        forged = client.post("/models/fraud/rollout/stop", data={**form, "form_token": "x"})
        nameless = client.post("/models/fraud/rollout/stop", data={**form, "by": " "})

    assert (answer.status_code, answer.headers["location"]) == (303, "/models/fraud#rollout")
    assert (forged.status_code, nameless.status_code) == (403, 422)
    assert stops == [("fraud", "Grace", "customers complain")]


def test_one_that_has_ended_says_why_and_has_no_button(scene: Scene) -> None:
    rollout = rolling(scene)
    assert scene.deps.rollouts is not None
    ended = replace(rollout, state=RolloutState.STOPPED, sentence="20.00% of its requests fail", ended_at=NOW)
    scene.deps.rollouts.move(ended)
    with served(scene) as address, browsing(address) as client:
        text = client.get("/models/fraud").text

    assert "20.00% of its requests fail" in text
    assert "Stop the rollout" not in text
    assert "Still missing" not in text


@pytest.mark.parametrize("state", [RolloutState.WATCHING, RolloutState.DONE])
def test_after_the_switch_the_challenger_is_the_champion(scene: Scene, state: RolloutState) -> None:
    rollout = rolling(scene)
    assert scene.deps.rollouts is not None
    scene.deps.rollouts.move(replace(rollout, state=state, ended_at=NOW if state is RolloutState.DONE else None))
    with served(scene) as address, browsing(address) as client:
        text = client.get("/models/fraud").text

    panel = text[text.index('id="rollout"') :]
    roles = re.findall(r'<span class="version">(v\d)</span></th><td>([^<]+)</td>', panel)
    assert roles[:2] == [("v2", "version before"), ("v3", "champion")]
    assert ("Role at its end" in panel) is (state is RolloutState.DONE)


def test_a_model_without_one_has_no_panel(scene: Scene) -> None:
    with served(scene) as address, browsing(address) as client:
        assert 'id="rollout"' not in client.get("/models/fraud").text
        assert client.post("/models/fraud/rollout/stop", data={}).status_code == 403


def test_nobody_stops_a_rollout_without_a_session(scene: Scene) -> None:
    rolling(scene)
    with served(scene) as address, httpx.Client(base_url=address) as stranger:
        assert stranger.post("/models/fraud/rollout/stop", data={"by": "x", "why": "y"}).status_code in (303, 401)
    assert stops == []
