"""The page of one training run: steps, log, progress, and the trials of a search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.ml.workshop import NOON, Workshop

from wellkept.kernel.errors import NotFoundError
from wellkept.spine.registry import Job
from wellkept.web.charts.trials import trials_chart
from wellkept.web.render import Renderer
from wellkept.web.views.run import SHOWN_LINES, RunView, run_view

TRIALS = [
    {"state": "complete", "value": 0.7, "parameters": {"rate": 0.1}, "seconds": 1.0, "error": "", "steps": 0},
    {
        "state": "fail",
        "value": None,
        "parameters": {"rate": 0.2},
        "seconds": 0.0,
        "error": "ValueError: <b>",
        "steps": 0,
    },
    {"state": "complete", "value": 0.9, "parameters": {"rate": 0.3}, "seconds": 1.0, "error": "", "steps": 0},
]
JOB = Job(
    "job-1",
    "train",
    "model:fraud",
    "running",
    NOON,
    details={
        "model": "fraud",
        "by": "ada",
        "phase": "train",
        "steps": [
            {"name": "snapshot", "key": "a", "result": "b", "seconds": 2.0, "from": ""},
            {"name": "search", "key": "a", "result": "b", "seconds": 0.0, "from": "job-0"},
        ],
        "search": {"metric": "roc_auc", "maximize": True, "value": 0.9, "parameters": {"rate": 0.3}, "trials": TRIALS},
    },
)
SAID = {"step": "train", "done": 3.0, "total": 10.0, "note": "rounds", "values": {"loss": 0.25}}


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    found = Workshop(tmp_path)
    yield found
    found.close()


def view_of(workshop: Workshop, job: Job = JOB, text: str = "") -> RunView:
    workshop.registry.save_job(job)

    def log(_: str, after: int) -> Mapping[str, Any]:
        return {"text": text[after : after + 50_000], "next": min(len(text), after + 50_000), "progress": SAID}

    return run_view(workshop.registry, log, "fraud", job.id)


def page_of(view: RunView) -> str:
    return str(Renderer().content("run.html", view=view))


def test_a_running_run_says_where_it_is(workshop: Workshop) -> None:
    view = view_of(workshop, text="<script>alert(1)</script>\n")

    assert (view.progress, view.done, view.total) == ("train: 3 of 10 rounds, loss 0.25", 3.0, 10.0)
    assert [(step.name, step.took, step.source) for step in view.steps] == [
        ("snapshot", "2 s", ""),
        ("search", "", "job-0"),
    ]
    page = page_of(view)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "wellkept models cancel job-1" in page
    assert 'href="/models/fraud/runs/job-0"' in page


def test_what_a_step_said_that_is_over_is_not_what_goes_on_now(workshop: Workshop) -> None:
    steps = [*JOB.details["steps"], {"name": "train", "key": "a", "result": "b", "seconds": 0.25, "from": ""}]
    view = view_of(workshop, replace(JOB, details={**JOB.details, "phase": "evaluate", "steps": steps}))

    assert (view.phase, view.progress, view.total) == ("evaluate", "", 0.0)
    assert view.steps[-1].took == "250 ms"


def test_the_trials_of_a_search_are_listed_and_drawn(workshop: Workshop) -> None:
    view = view_of(workshop)

    assert [trial.is_best for trial in view.trials] == [False, False, True]
    assert [trial.value for trial in view.trials] == ["0.7", "–", "0.9"]
    page = page_of(view)
    assert "ValueError: &lt;b&gt;" in page
    assert page.count("<circle") == 2


def test_a_failed_run_says_why_and_shows_the_end_of_its_log(workshop: Workshop) -> None:
    failed = replace(JOB, state="failed", ended_at=NOON, details={"error": "train: took too long", "model": "fraud"})
    view = view_of(workshop, failed, "".join(f"line {number}\n" for number in range(60_000)))

    assert view.log.splitlines()[-1] == "line 59999"
    assert len(view.log.splitlines()) == SHOWN_LINES
    page = page_of(view)
    assert "train: took too long" in page
    assert "wellkept models cancel" not in page


def test_of_a_long_error_the_last_line_comes_first_and_the_rest_can_be_opened(workshop: Workshop) -> None:
    error = "train: ended with code 1\nTraceback (most recent call last):\n  File x\nValueError: no <b>rows</b>\n"
    details = {"error": error, "model": "fraud", "project": "/models/fraud"}
    page = page_of(view_of(workshop, replace(JOB, state="failed", ended_at=NOON, details=details)))

    assert '<p class="cause">ValueError: no &lt;b&gt;rows&lt;/b&gt;</p>' in page
    assert page.index("ended with code 1") > page.index("All that is known of it")
    assert "wellkept models train /models/fraud" in page


def test_what_is_odd_about_the_data_is_told(workshop: Workshop) -> None:
    odd = {**JOB.details, "data": {"warnings": ["40 of 450 rows are of <later>"]}}
    page = page_of(view_of(workshop, replace(JOB, details=odd)))

    assert "40 of 450 rows are of &lt;later&gt;" in page
    assert "Odd about the data" not in page_of(view_of(workshop))


def test_a_run_of_another_model_is_not_shown(workshop: Workshop) -> None:
    workshop.registry.save_job(JOB)

    with pytest.raises(NotFoundError, match="model churn: has no such training run"):
        run_view(workshop.registry, lambda *_: {}, "churn", JOB.id)


def test_the_best_so_far_never_gets_worse_in_the_picture() -> None:
    picture = str(trials_chart([0.3, math.nan, 0.1, 0.2], metric="rmse", maximize=False))

    heights = [float(point.split(",")[1]) for point in picture.split('points="')[1].split('"', maxsplit=1)[0].split()]
    assert heights == sorted(heights), "lower values lie lower"
    assert len(heights) == 7, "a stair has a corner between two trials"
    assert "No trial has a value" in trials_chart([math.nan], metric="rmse", maximize=False)
