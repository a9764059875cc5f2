"""Trainings of several servers on one store: each goes on with its own, and what a server that is gone ran is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.ml.workshop import Workshop
from tests.store.telemetry.scenes import NOON

from wellkept.app.training import TrainingRuns
from wellkept.kernel.errors import ConflictError
from wellkept.spine.registry import Job


def runs(shop: Workshop, server: str) -> TrainingRuns:
    record, pipeline = shop.training._record, shop.training._pipeline
    return TrainingRuns(shop.registry, record, shop.artifacts, pipeline, shop.folder / server, shop.clock, 2, server)


def state(shop: Workshop) -> str:
    job = shop.registry.job("job-1")
    assert job is not None
    return job.state


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """With a training that runs on the server named left."""
    made = Workshop(tmp_path)
    details = {"model": "fraud", "server": "left"}
    made.registry.save_job(Job("job-1", "train", "model:fraud", "running", NOON, details=details))
    return made


def test_another_servers_training_is_left_alone(shop: Workshop) -> None:
    right = runs(shop, "right")
    right.resume()
    assert state(shop) == "running"
    with pytest.raises(ConflictError, match="runs on another server; call it off there, got 'left'"):
        right.cancel("job-1", "ana")
    right.give_up_but({"left", "right"})
    assert state(shop) == "running"


def test_what_a_server_that_is_gone_ran_is_lost(shop: Workshop) -> None:
    runs(shop, "right").give_up_but({"right"})
    job = shop.registry.job("job-1")
    assert job is not None
    assert (job.state, job.details["error"]) == (
        "lost",
        "server left, on which it ran, is gone; start it anew on another",
    )


def test_its_own_is_gone_on_with(shop: Workshop) -> None:
    """This one was never begun, so that it is lost at once; another server would have left it."""
    runs(shop, "left").resume()
    assert state(shop) == "lost"
