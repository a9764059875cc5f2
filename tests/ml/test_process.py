"""Work in a process of its own: what a team's code may do there, and what it cannot do to us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.app.running import until

from wellkept.kernel.errors import TrainingError
from wellkept.ml.process import NICENESS, SHOWN, run_worker

WORKER = "tests.ml.probes.worker"
PARENT = """
import sys
from pathlib import Path
from wellkept.ml.process import run_worker
run_worker("tests.ml.probes.worker", {"do": "hang"}, Path(sys.argv[1]), 600)
"""


def run(folder: Path, timeout_s: float = 30.0, **request: Any) -> dict[str, Any]:
    return run_worker(WORKER, request, folder, timeout_s)


def failure(folder: Path, timeout_s: float = 30.0, **request: Any) -> TrainingError:
    with pytest.raises(TrainingError) as raised:
        run(folder, timeout_s, **request)
    return raised.value


def test_the_result_comes_back(tmp_path: Path) -> None:
    result = run(tmp_path, do="add", a=1, b=2)

    assert result["sum"] == 3
    assert result["nice"] == os.nice(0) + NICENESS, "a training never slows the server down"
    assert result["group"] != os.getpgid(0)
    assert json.loads(tmp_path.joinpath("probes.request.json").read_text("utf-8"))["b"] == 2


def test_an_error_comes_back_with_the_end_of_what_was_printed(tmp_path: Path) -> None:
    error = failure(tmp_path, do="raise")

    assert str(error).startswith("probes: ended with code 1\nTraceback")
    assert error.output.rstrip().endswith("ValueError: no such column: amount")


def test_a_broken_rule_comes_back_without_a_trace(tmp_path: Path) -> None:
    assert str(failure(tmp_path, do="refuse")) == "probes: load(window): must return a frame, got 'list'"


def test_of_much_talk_the_end_is_kept(tmp_path: Path) -> None:
    error = failure(tmp_path, do="talk")

    assert len(error.output) <= SHOWN
    assert "ValueError: after much talk" in error.output
    assert "line 199999\n" in error.output
    assert tmp_path.joinpath("probes.log").stat().st_size > 1_000_000, "all of it is in the log"


def test_what_takes_too_long_is_ended_and_says_how_far_it_came(tmp_path: Path) -> None:
    error = failure(tmp_path, timeout_s=4.0, do="hang")

    assert str(error) == "probes: was not done within 4 s\nstep 1 of 2"
    assert _workers(tmp_path) == []


def test_a_death_by_signal_is_named(tmp_path: Path) -> None:
    assert str(failure(tmp_path, do="kill")) == "probes: was ended by signal SIGKILL"


def test_a_worker_that_leaves_without_a_result_failed(tmp_path: Path) -> None:
    assert str(failure(tmp_path, do="quit")) == "probes: ended without a result"


def test_an_old_result_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    run(tmp_path, do="add", a=1, b=2)

    assert str(failure(tmp_path, do="quit")) == "probes: ended without a result"


def test_what_a_worker_started_ends_with_it(tmp_path: Path) -> None:
    pid = run(tmp_path, do="leave")["child"]

    until(lambda: not _lives(pid), "its child is gone")


def test_a_worker_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)])
    workers = until(lambda: _workers(tmp_path), "the worker runs")
    parent.kill()
    parent.wait()

    until(lambda: not any(_lives(pid) for pid in workers), "the worker is gone")


def _workers(folder: Path) -> list[int]:
    """The processes that were asked by a request file of this folder."""
    asked = str(folder / "probes.request.json")
    return [process.pid for process in psutil.process_iter(["cmdline"]) if asked in (process.info["cmdline"] or ())]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
