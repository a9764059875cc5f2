"""The frame of the acts: after one that failed no other is played, and a folder is not taken from a running demo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest
from tests.demo.stage import Answers, Played, Recorder, failing

from wellkept.demo.acts.base import Scene
from wellkept.demo.layout import PID, Layout, claim
from wellkept.demo.observer import Observer, now
from wellkept.demo.outcome import NOT_PLAYED
from wellkept.demo.run import ACTS, outcomes_of
from wellkept.kernel.errors import ConflictError, WellkeptError
from wellkept.sdk.client import Client


def scene(layout: Layout, screen: Recorder) -> Scene:
    return Scene(layout, Observer(cast("Client", Answers()), screen.away), screen, False, now())


def test_the_acts_are_the_five_that_were_promised() -> None:
    assert [act.name for act in ACTS] == [
        "Ship a model",
        "A disk fills overnight",
        "A memory leak",
        "The model's host struggles",
        "The world changes",
    ]
    assert all(act.promise.endswith(".") for act in ACTS)


def test_all_are_played_when_all_go_well(layout: Layout) -> None:
    screen = Recorder()
    outcomes = list(outcomes_of(scene(layout, screen), [Played("one"), Played("two")]))
    assert [(o.name, o.passed, o.told.result) for o in outcomes] == [("one", True, "result"), ("two", True, "result")]
    assert screen.outcomes == outcomes


@pytest.mark.parametrize("error", [None, WellkeptError("gone"), TimeoutError("late")])
def test_after_a_failure_nothing_else_is_played(layout: Layout, error: Exception | None) -> None:
    bad, after = failing("two"), Played("three")
    bad.error = error or bad.error
    outcomes = list(outcomes_of(scene(layout, Recorder()), [Played("one"), bad, after]))
    assert [outcome.passed for outcome in outcomes] == [True, False, False]
    assert outcomes[1].told.result == str(bad.error)
    assert outcomes[2].told.result == NOT_PLAYED
    assert after.played == []


def test_a_mistake_in_an_act_is_not_taken_for_an_outcome(layout: Layout) -> None:
    with pytest.raises(ZeroDivisionError):
        list(outcomes_of(scene(layout, Recorder()), [Played("one", error=ZeroDivisionError())]))


def test_a_folder_of_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    claim(folder)
    (folder / PID).write_text("", encoding="ascii")
    (folder / "old").write_text("x", encoding="ascii")
    claim(folder)
    assert [path.name for path in folder.iterdir()] == [PID]
    assert (folder / PID).read_text(encoding="ascii") == str(os.getpid())


def test_a_folder_of_a_running_demo_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "demo")
    with pytest.raises(ConflictError, match=f"runs as process {os.getpid()}"):
        claim(tmp_path / "demo")


def test_a_folder_that_a_server_runs_on_is_refused(tmp_path: Path) -> None:
    """One that somebody started again by hand outlives its demo."""
    folder = tmp_path / "demo"
    claim(folder)
    (folder / PID).write_text("", encoding="ascii")
    (folder / "data").mkdir()
    (folder / "data" / "server.pid").write_text(str(os.getpid()), encoding="ascii")
    with pytest.raises(ConflictError, match=f"server that runs as process {os.getpid()}"):
        claim(folder)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x", encoding="ascii")
    with pytest.raises(ConflictError, match="no demo made"):
        claim(tmp_path)
    assert (tmp_path / "thesis.tex").is_file()
