"""The journal: a step is done once, and taken over by whoever has the same inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.store.fixtures import state_in

from wellkept.spine import journal
from wellkept.spine.journal import Journal
from wellkept.spine.registry import Job, Registry
from wellkept.store.artifacts.artifacts import Artifacts

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Desk:
    """Jobs of one model, and how often work was done."""

    def __init__(self, folder: Path) -> None:
        self.state = state_in(folder / "state")
        self.registry, self.artifacts = Registry(self.state), Artifacts(str(folder / "artifacts"))
        self.done = 0

    def journal(self, job: str = "job-1", *, model: str = "fraud", fresh: bool = False) -> Journal:
        known = self.registry.job(job) or Job(job, "train", f"model:{model}", "running", NOON)
        return Journal(self.registry, self.artifacts, known, fresh=fresh)

    def work(self, **more: Any) -> dict[str, Any]:
        self.done += 1
        return {"number": self.done, **more}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.state.close()


def test_a_step_is_done_once_in_a_job_also_after_a_crash(desk: Desk) -> None:
    assert desk.journal().step("train", "k", desk.work) == {"number": 1}
    after = desk.journal()

    assert after.step("train", "k", desk.work) == {"number": 1}
    assert (desk.done, after.taken) == (1, {"train": "job-1"})
    assert after.job.details["phase"] == "train"


def test_checks_between_two_runs_hide_no_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEARCHED", 2)
    desk.journal("job-1").step("train", "k", desk.work)
    for number in range(3):
        check = Job(f"skew-{number}", "skew", "model:fraud", "done", NOON + timedelta(hours=1 + number))
        desk.registry.save_job(check)

    assert desk.journal("job-2").step("train", "k", desk.work) == {"number": 1}
    assert [job.id for job in desk.registry.jobs("model:fraud", kinds=journal.RUNS)] == ["job-1", "job-2"]


def test_what_is_of_one_job_alone_is_not_taken_over_by_another(desk: Desk) -> None:
    assert desk.journal("job-1").step("budget", "k", lambda: desk.work(own=True))["number"] == 1

    assert desk.journal("job-1").step("budget", "k", desk.work)["number"] == 1
    assert desk.journal("job-2").step("budget", "k", desk.work)["number"] == 2


def test_another_key_or_name_is_another_step(desk: Desk) -> None:
    journal = desk.journal()
    found = [journal.step(name, key, desk.work)["number"] for name, key in (("a", "k"), ("a", "l"), ("b", "k"))]

    assert found == [1, 2, 3]
    assert [(step["name"], step["key"]) for step in journal.job.details["steps"]] == [("a", "l"), ("b", "k")]


def test_another_job_of_the_model_takes_a_step_over(desk: Desk) -> None:
    desk.journal().step("train", "k", desk.work)

    other = desk.journal("job-2")
    assert other.step("train", "k", desk.work) == {"number": 1}
    assert other.taken == {"train": "job-1"}
    assert other.job.details["steps"][0]["from"] == "job-1"
    assert desk.journal("job-3", model="churn").step("train", "k", desk.work) == {"number": 2}
    assert desk.journal("job-4", fresh=True).step("train", "k", desk.work) == {"number": 3}
    assert desk.journal("job-5").step("train", "k", desk.work, shared=False) == {"number": 4}


def test_a_fresh_job_that_goes_on_keeps_its_own_steps(desk: Desk) -> None:
    desk.journal(fresh=True).step("train", "k", desk.work)

    assert desk.journal(fresh=True).step("train", "k", desk.work) == {"number": 1}


def test_a_step_without_its_artifacts_is_done_again(desk: Desk, tmp_path: Path) -> None:
    held = desk.artifacts.put_bytes(b"a model")
    desk.journal().step("train", "k", lambda: desk.work(artifacts=[held]))
    assert desk.journal().step("train", "k", desk.work)["number"] == 1

    path = next(
        path for path in (tmp_path / "artifacts").rglob("*") if path.is_file() and path.read_bytes() == b"a model"
    )
    path.unlink()

    assert desk.journal().step("train", "k", desk.work)["number"] == 2


def test_a_step_whose_result_is_damaged_is_done_again(desk: Desk, tmp_path: Path) -> None:
    desk.journal().step("train", "k", desk.work)
    for path in (tmp_path / "artifacts").rglob("*"):
        if path.is_file():
            path.write_bytes(b"{}")

    assert desk.journal().step("train", "k", desk.work)["number"] == 2


def test_a_step_that_fails_leaves_nothing(desk: Desk) -> None:
    def fails() -> dict[str, Any]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        desk.journal().step("train", "k", fails)

    assert desk.journal().step("train", "k", desk.work) == {"number": 1}
