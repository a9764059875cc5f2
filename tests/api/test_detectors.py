"""Detectors over HTTP: told, explained, and moved by feedback, which is shown to have moved them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.ops.ingest.outside import NOON
from tests.store.fixtures import state_in
from tests.store.telemetry.scenes import at, put_metric

from wellkept.api import detectors, errors
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.anomaly import Anomaly
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.explained import Explained
from wellkept.ops.detect.stage import DetectRunner
from wellkept.spine.audit import Audit
from wellkept.spine.feedback import FeedbackDesk
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.telemetry import Telemetry

SETTINGS = DetectSettings(window_s=600.0, min_points=8, long_days=0)
SERVICE = "service:shop"


@dataclass
class World:
    runner: DetectRunner
    stream: Stream
    clock: SettableClock
    audit: Audit
    app: FastAPI

    def get(self, path: str, **parameters: str) -> Any:
        return self.ask("GET", path, params=parameters).json()

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, f"/api/v1{path}", **arguments)

        return asyncio.run(asked())

    def say(self, finding: Finding, opinion: str, by: str = "ann") -> httpx.Response:
        return self.ask("POST", f"/findings/{finding.id}/feedback", json={"opinion": opinion, "by": by})

    def look(self, seconds: float) -> None:
        self.clock.set(at(seconds))
        self.runner.tick(self.clock.now())

    def thresholds(self, series: str = "load") -> tuple[float, float]:
        (told,) = self.get("/detectors/anomaly", series=series)["detector"]["thresholds"]
        return told["before_feedback"], told["after_feedback"]


@pytest.fixture
def world(tmp_path: Path, telemetry: Telemetry) -> Iterator[World]:
    state, clock = state_in(tmp_path / "state"), SettableClock(NOON)
    stream, audit = Stream(state, telemetry.changes), Audit(state)
    desk = FeedbackDesk(state, stream, audit, clock)
    chosen = (Anomaly(SETTINGS), RobustAnomaly(SETTINGS))
    runner = DetectRunner(telemetry, Topology(state), stream, chosen, SETTINGS, None, desk)
    app = FastAPI()
    errors.install(app)
    app.include_router(detectors.router(desk, Explained(runner, stream, clock, SETTINGS, [MissingData])))
    yield World(runner, stream, clock, audit, app)
    state.close()


def finding(world: World, signal: str = "load", entity: str = SERVICE, detector: str = "anomaly") -> Finding:
    said = Finding(
        fingerprint=f"fp-{detector}-{entity}-{signal}",
        detector=detector,
        detector_version="1",
        entity=entity,
        kind=FindingKind.ANOMALY,
        severity=Severity.INFO,
        score=0.5,
        score_meaning="half",
        starts_at=world.clock.now(),
        sentence="It is odd.",
        evidence=(Evidence(signal),),
    )
    return world.stream.publish([said], world.clock.now())[0]


def put(telemetry: Telemetry) -> None:
    for number in range(2):
        put_metric(telemetry, [(t + 5, float(t % 7)) for t in range(0, 600, 10)], service=("shop", "bank")[number])
    put_metric(telemetry, [(t + 5, float(t % 7)) for t in range(0, 600, 10)], name="other")


def test_detectors_are_listed_also_those_switched_off(world: World, telemetry: Telemetry) -> None:
    put(telemetry)
    world.look(620)
    finding(world)
    listed = {one["name"]: one for one in world.get("/detectors")["detectors"]}
    assert {name: one["enabled"] for name, one in listed.items()} == {"anomaly": True, "robust": True, "missing": False}
    assert (listed["anomaly"]["findings_24h"], listed["anomaly"]["open"], listed["anomaly"]["looks"]) == (1, 1, 1)
    assert listed["robust"]["finds"] == "Says that a series is out of its usual band for several steps in a row"
    assert listed["robust"]["budget_per_series_week"] is None
    assert world.get("/detectors/missing")["detector"]["enabled"] is False


def test_feedback_is_shown_to_have_moved_the_threshold(world: World, telemetry: Telemetry) -> None:
    put(telemetry)
    world.look(620)
    before, after = world.thresholds(f"load {SERVICE}")
    assert before == after
    assert world.say(finding(world), "noise").status_code == 200
    world.look(630)
    base, moved = world.thresholds(f"load {SERVICE}")
    assert [base, moved] == pytest.approx([before, before + 0.5], abs=1e-3)
    _, alike = world.thresholds("load service:bank")
    assert alike == pytest.approx(before + 0.1, abs=1e-3)
    assert list(world.thresholds("other")) == pytest.approx([before, before])

    shown = world.get("/detectors/anomaly")["detector"]
    assert [(one["opinion"], one["by"]) for one in shown["feedback"]] == [("noise", "ann")]
    assert [told["entity"] for told in shown["thresholds"]] == [SERVICE]
    assert [(e.actor, e.verb, e.details["opinion"]) for e in world.audit.entries()] == [
        ("ann", "finding.feedback", "noise")
    ]


def test_another_word_of_the_same_person_replaces_the_first(world: World, telemetry: Telemetry) -> None:
    put(telemetry)
    world.look(620)
    before, _ = world.thresholds(f"load {SERVICE}")
    found = finding(world)
    world.say(found, "noise")
    world.say(found, "useful")
    world.look(630)
    assert world.thresholds(f"load {SERVICE}")[1] == pytest.approx(before - 0.3, abs=1e-3)


def test_a_threshold_is_told_as_moved_before_the_next_look(world: World, telemetry: Telemetry) -> None:
    put(telemetry)
    world.look(620)
    before, _ = world.thresholds(f"load {SERVICE}")
    world.say(finding(world), "noise")
    assert world.thresholds(f"load {SERVICE}") == pytest.approx((before, before + 0.5), abs=2e-3)
    world.look(630)
    then, after = world.thresholds(f"{SERVICE} load")
    assert after - then == pytest.approx(0.5, abs=2e-3)


def test_what_is_said_fades(world: World, telemetry: Telemetry) -> None:
    put(telemetry)
    world.look(620)
    before, _ = world.thresholds(f"load {SERVICE}")
    world.say(finding(world), "noise")
    later = 30 * 86_400
    put_metric(telemetry, [(later + t, 1.0) for t in range(0, 600, 10)])
    world.look(later + 630)
    told = world.get("/detectors/anomaly", series=f"load {SERVICE}")["detector"]["thresholds"][0]
    assert told["after_feedback"] - told["before_feedback"] == pytest.approx(0.25, abs=1e-2)
    assert before > 0


def test_unknown_findings_detectors_and_opinions_are_told(world: World) -> None:
    found = finding(world)
    assert world.say(found, "splendid").status_code == 422
    assert world.say(found, "noise", by="").status_code == 422
    assert world.say(found, "noise", by="  ").status_code == 422
    answer = world.ask("POST", "/findings/fnd-none/feedback", json={"opinion": "noise", "by": "ann"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "finding fnd-none: is not known")
    answer = world.ask("GET", "/detectors/nobody")
    assert answer.status_code == 404
    assert "there are anomaly, robust, missing" in answer.json()["error"]["message"]


def test_without_the_ops_loop_there_are_no_detectors(world: World) -> None:
    app = FastAPI()
    errors.install(app)
    app.include_router(detectors.router(FeedbackDesk.__new__(FeedbackDesk), None))
    bare = World(world.runner, world.stream, world.clock, world.audit, app)
    assert bare.get("/detectors") == {"detectors": []}
    assert bare.ask("GET", "/detectors/anomaly").status_code == 404
