"""Work in a process of its own: what a team's code may do there, and what it cannot do to us."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.app.running import until

from wellkept.kernel.errors import TrainingError
from wellkept.ml import process
from wellkept.ml.oversight import Limits, Oversight, overseen
from wellkept.ml.process import MARK, NICENESS, SHOWN, end_leftovers, run_worker
from wellkept.ml.progress import last_said

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
    first = error.output.splitlines()[1]
    assert "probes" in first, "the trace begins where the project's code does"
    assert "serve_request" not in error.output


def test_a_broken_rule_comes_back_without_a_trace(tmp_path: Path) -> None:
    assert str(failure(tmp_path, do="refuse")) == "probes: load(window): must return a frame, got 'list'"


def test_of_much_talk_the_end_is_kept(tmp_path: Path) -> None:
    error = failure(tmp_path, do="talk")

    assert len(error.output) <= SHOWN
    assert "ValueError: after much talk" in error.output
    assert "line 199999\n" in error.output
    assert tmp_path.joinpath("probes.log").stat().st_size > 1_000_000, "all of it is in the log"


def test_what_prints_too_much_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_PRINTED", 4)

    error = failure(tmp_path, do="hang")

    assert str(error).startswith("probes: printed more than 0 MiB; print less, or into a file of your own")
    assert (error.cause, _workers(tmp_path)) == ("code", [])


def test_what_takes_too_long_is_ended_and_says_how_far_it_came(tmp_path: Path) -> None:
    error = failure(tmp_path, timeout_s=4.0, do="hang")

    first, rest = str(error).split("\n", 1)
    assert first.startswith("probes: was not done within 4 s; raise train.time_s in model.yaml (at most ")
    assert (rest, error.cause) == ("step 1 of 2", "time")
    assert _workers(tmp_path) == []


def test_what_takes_too_much_memory_is_ended_and_says_what_to_change(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as raised:
        run_worker(WORKER, {"do": "swell"}, tmp_path, Limits(60.0, memory_mb=200))

    words = str(raised.value)
    assert re.match(r"probes: took [0-9,]+ MiB of memory, more than the 200 MiB allowed; load fewer rows", words)
    assert "raise train.memory_mb in model.yaml (at most ml.train_memory_mb of the configuration)" in words
    assert raised.value.cause == "memory"
    assert _workers(tmp_path) == []


def test_memory_of_what_a_worker_started_counts(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="more than the 200 MiB allowed"):
        run_worker(WORKER, {"do": "have swollen"}, tmp_path, Limits(60.0, memory_mb=200))


def test_threads_are_limited_by_what_the_libraries_read(tmp_path: Path) -> None:
    found = run_worker(WORKER, {"do": "threads"}, tmp_path, Limits(30.0, threads=3))

    assert set(found.values()) == {"3"}


def test_a_worker_of_a_run_is_ended_when_the_run_is_cancelled(tmp_path: Path) -> None:
    run_of = Oversight(tmp_path, Limits(60.0))
    caught: list[TrainingError] = []

    def work() -> None:
        with overseen(run_of), pytest.raises(TrainingError) as raised:
            run_worker(WORKER, {"do": "hang"}, tmp_path, 60.0)
        caught.append(raised.value)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: "step 1 of 2" in run_of.log.read_text() if run_of.log.exists() else None, "the worker speaks")
    run_of.cancel("ada")
    thread.join(20)

    assert str(caught[0]).startswith("probes: was cancelled by ada")
    assert caught[0].cause == "cancelled"
    assert _workers(tmp_path) == []


def test_workers_of_a_run_share_its_log_and_its_seed(tmp_path: Path) -> None:
    run_of = Oversight(tmp_path, Limits(60.0), seed=7)
    with overseen(run_of):
        hashes = [run_worker(WORKER, {"do": "say"}, tmp_path, 60.0)["hash"] for _ in range(2)]

    assert hashes[0] == hashes[1]
    assert run_of.log.read_text().splitlines() == ["hello", "hello"]
    said = last_said(tmp_path)
    assert said is not None
    assert (said.step, said.done, said.total, said.note, said.values) == ("probes", 3, 3, "round", {"loss": 0.5})


def test_a_death_by_signal_is_named(tmp_path: Path) -> None:
    error = failure(tmp_path, do="kill")

    assert str(error).startswith("probes: was ended by signal SIGKILL (the kernel does so when")
    assert error.cause == "memory"


def test_a_worker_that_leaves_without_a_result_failed(tmp_path: Path) -> None:
    assert str(failure(tmp_path, do="quit")) == "probes: ended without a result"


def test_an_old_result_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    run(tmp_path, do="add", a=1, b=2)

    assert str(failure(tmp_path, do="quit")) == "probes: ended without a result"


def test_what_a_worker_started_ends_with_it(tmp_path: Path) -> None:
    pid = run(tmp_path, do="leave")["child"]

    until(lambda: not _lives(pid), "its child is gone")


def test_what_a_worker_started_in_a_session_of_its_own_ends_too(tmp_path: Path) -> None:
    pid = run(tmp_path, do="leave alone")["child"]

    until(lambda: not _lives(pid), "its child is gone")


def test_what_a_killed_run_left_behind_is_ended_when_it_goes_on(tmp_path: Path) -> None:
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, MARK: str(tmp_path / "run")}
    )
    assert end_leftovers(tmp_path / "other") == 0
    assert end_leftovers(tmp_path / "run") == 1

    assert left.wait() == -signal.SIGKILL


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
