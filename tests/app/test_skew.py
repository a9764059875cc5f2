"""Skew checks as jobs: begun by people or by the clock, and settled whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import until
from tests.ml.workshop import CONTRACT, NOON
from tests.store.fixtures import state_in

from wellkept.app.skew import SkewRuns
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import NotFoundError, TrainingError
from wellkept.ml.data.base import Reach
from wellkept.ml.data.skewcheck import SkewCheck
from wellkept.ml.releases import Releases
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, Registry
from wellkept.store.artifacts.artifacts import Artifacts

DIGEST = "sha256:" + "a" * 64
REPORT = {"verdict": "ok", "rows": 10, "limit": 0.01, "features": [{"feature": "risk", "share": 0.0}]}
HOURLY = "data: {skew: {every_s: 3600}}\n"


class Answer(SkewCheck):
    """Stands for the check: answers what a test says, when it is let."""

    def __init__(self) -> None:
        super().__init__(None, Reach(), 1.0)  # type: ignore[arg-type]
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def check(self, project: Path, *_: Any) -> dict[str, Any]:
        self.free.wait(30)
        if self.error is not None:
            raise self.error
        return {**REPORT, "project": str(project)}


@dataclass
class World:
    """A registry with one live model, and what checks it."""

    registry: Registry
    runs: SkewRuns
    answer: Answer
    clock: SettableClock

    def ended(self, job: Job) -> Job:
        def look() -> Job | None:
            found = self.registry.job(job.id)
            return found if found is not None and found.state != "running" else None

        return until(look, "the check ends")

    def jobs(self) -> list[Job]:
        return [job for job in self.registry.jobs("model:fraud") if job.kind == "skew"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    state, clock, answer = state_in(tmp_path / "state"), SettableClock(NOON), Answer()
    registry, artifacts = Registry(state), Artifacts(str(tmp_path / "artifacts"))
    contract = artifacts.put_bytes((CONTRACT + HOURLY).encode())
    version = ModelVersion("fraud", DIGEST, NOON, DIGEST, "onnx", DIGEST, lineage={"contract": contract})
    registry.save_contract("fraud", CONTRACT + HOURLY, contract, NOON)
    registry.register(version)
    registry.set_alias("fraud", CHAMPION, DIGEST, expected=None, at=NOON, by="ada")
    registry.save_job(Job("job-1", "train", "model:fraud", "done", NOON, NOON, {"project": "/projects/fraud"}))
    runs = SkewRuns(registry, Releases(registry, artifacts), answer, tmp_path / "skew", clock)
    yield World(registry, runs, answer, clock)
    answer.free.set()
    state.close()


def test_a_check_becomes_a_job_with_its_report(world: World) -> None:
    job = world.ended(world.runs.start("fraud"))

    assert (job.state, job.details["report"]["verdict"]) == ("done", "ok")
    assert job.details["report"]["project"] == "/projects/fraud"
    version = world.registry.version("fraud", DIGEST)
    seen = world.runs.seen(version)
    assert seen is not None
    assert (seen.at, seen.limit, seen.rows, seen.shares) == (NOON, 0.01, 10, {"risk": 0.0})
    assert world.runs.seen(replace(version, digest="sha256:other")) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [(TrainingError("data: source risk: is gone"), "data: source risk: is gone"), (OSError("disk"), "OSError: disk")],
)
def test_a_check_that_fails_says_why(error: Exception, said: str, world: World) -> None:
    world.answer.error = error

    job = world.ended(world.runs.start("fraud"))

    assert (job.state, job.details["error"]) == ("failed", said)
    assert world.runs.seen(world.registry.version("fraud", DIGEST)) is None


def test_a_model_that_is_not_live_cannot_be_checked(world: World) -> None:
    with pytest.raises(NotFoundError, match="model churn: has no live version"):
        world.runs.start("churn")


def test_the_clock_begins_a_check_when_it_is_due_and_not_beside_another(world: World) -> None:
    world.answer.free.clear()
    world.runs.tick(NOON)
    world.runs.tick(NOON + timedelta(hours=2))
    assert len(world.jobs()) == 1
    world.answer.free.set()
    world.ended(world.jobs()[0])
    world.runs.tick(NOON + timedelta(minutes=59))
    assert len(world.jobs()) == 1
    world.clock.set(NOON + timedelta(hours=1))
    world.runs.tick(NOON + timedelta(hours=1))
    assert len(world.jobs()) == 2
    assert {world.ended(job).state for job in world.jobs()} == {"done"}


def test_what_an_earlier_process_left_is_settled(world: World) -> None:
    world.registry.save_job(Job("skew-1", "skew", "model:fraud", "running", NOON, details={"digest": DIGEST}))

    world.runs.resume()

    assert [(job.state, job.details["error"]) for job in world.jobs()] == [("lost", "the server ended while it ran")]
