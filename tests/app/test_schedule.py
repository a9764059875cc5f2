"""The schedule: jobs one after the other, failures counted, nothing that stops the loop."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import cast

import pytest
from tests.app.running import until

from wellkept.app.schedule import VITAL, Job, Loop, Schedule
from wellkept.app.schedule import _run as run_once
from wellkept.kernel.errors import StoreError
from wellkept.spine.lease import Leader


def fails(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


def ran(*jobs: Job, times: int = 3) -> None:
    """Run a loop of jobs until each has run some times."""
    schedule = Schedule([Loop("test", 0.001, jobs)])
    schedule.start()
    until(lambda: all(job.runs >= times for job in jobs), "the jobs have run")
    schedule.stop()


def test_a_failing_job_is_counted_and_the_others_run_on(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = Job("good", lambda: None), Job("bad", fails(ValueError("no such column")))

    with caplog.at_level(logging.ERROR):
        ran(bad, good)

    assert (good.failures, good.last_error) == (0, "")
    assert bad.runs - bad.failures <= 1, "but for one that was under way when the loop was stopped"
    assert bad.last_error == "no such column"
    assert len(caplog.messages) == 1, "the same failure again is not said again"


def test_an_error_without_words_is_still_an_error() -> None:
    job = Job("bad", fails(RuntimeError()))
    ran(job)

    assert job.last_error == "RuntimeError"


def test_a_job_that_recovers_has_no_last_error() -> None:
    turns = iter([True])

    def once() -> None:
        if next(turns, False):
            raise ValueError("only once")

    job = Job("flaky", once)
    ran(job)

    assert (job.failures, job.last_error) == (1, "")
    assert job.last_s >= 0


def test_the_jobs_of_a_loop_run_in_order() -> None:
    seen: list[str] = []
    ran(Job("first", lambda: seen.append("first")), Job("second", lambda: seen.append("second")))

    assert seen[:4] == ["first", "second", "first", "second"]


def test_a_slow_loop_does_not_hold_up_another() -> None:
    gate = threading.Event()
    slow, quick = Job("slow", gate.wait), Job("quick", lambda: None)
    schedule = Schedule([Loop("slow", 0.001, [slow]), Loop("quick", 0.001, [quick])])
    schedule.start()

    until(lambda: quick.runs >= 3, "the quick loop goes on")

    assert slow.runs == 0
    gate.set()
    schedule.stop()


def test_stopping_waits_for_the_job_under_way_and_starts_no_other() -> None:
    begun, go, after = threading.Event(), threading.Event(), Job("after", lambda: None)

    def work() -> None:
        begun.set()
        go.wait(10)

    job = Job("work", work)
    schedule = Schedule([Loop("test", 0.001, [job, after])])
    schedule.start()
    begun.wait(10)
    threading.Timer(0.05, go.set).start()
    schedule.stop()

    assert (job.runs, after.runs) == (1, 0)


def test_stopping_gives_up_on_a_job_that_hangs() -> None:
    begun, never = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        never.wait(30)

    schedule = Schedule([Loop(name, 0.001, [Job(name, hang)]) for name in ("a", "b", "c")])
    schedule.start()
    begun.wait(10)
    schedule.stop(timeout_s=0.05)  # returns, and not once for each loop
    assert [job.runs for loop in schedule.loops for job in loop.jobs] == [0, 0, 0]
    never.set()


def test_what_a_job_finds_closed_while_all_stops_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    begun, closed = threading.Event(), threading.Event()

    def read() -> None:
        begun.set()
        closed.wait(30)
        raise StoreError("telemetry store: is closed")

    job = Job("detect", read)
    schedule = Schedule([Loop("test", 0.001, [job])])
    schedule.start()
    begun.wait(10)
    with caplog.at_level(logging.ERROR):
        schedule.stop(timeout_s=0.05)
        closed.set()
        until(lambda: job.runs, "the job has ended")

    assert (job.failures, job.last_error, caplog.messages) == (0, "", [])


def test_stopping_before_the_start_is_nothing() -> None:
    schedule = Schedule([Loop("test", 1.0, [Job("job", lambda: None)])])
    schedule.stop()
    assert schedule.failures() == {"failures": 0, "last_error": ""}
    assert [job.runs for loop in schedule.loops for job in loop.jobs] == [0]


def test_a_loop_that_is_woken_turns_at_once_and_no_wake_is_lost() -> None:
    wake, turns = threading.Event(), threading.Semaphore(0)
    schedule = Schedule([Loop("woken", 600.0, [Job("turn", turns.release)], wake)])
    schedule.start()
    for _ in range(5):
        assert turns.acquire(timeout=20.0)
        wake.set()
    schedule.stop()


class Led:
    """A lead that a test gives and takes."""

    leads, term = True, 1

    def fenced(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def test_a_job_begins_once_a_term_and_again_after_a_failure() -> None:
    done, turns = list[str](), iter("..!.")

    def run() -> None:
        done.append("run")
        if next(turns, ".") == "!":
            raise ValueError("once")

    leader, job = Led(), Job("sends", run, led=True, begin=lambda: done.append("begin"))
    for _ in range(4):
        run_once(job, cast("Leader", leader), threading.Event())
    assert done == ["begin", "run", "run", "run", "begin", "run"]

    leader.term = 2
    run_once(job, cast("Leader", leader), threading.Event())
    assert done[-2:] == ["begin", "run"]


class Follower:
    """A server that does not lead."""

    leads, term = False, None


class Standing:
    """A schedule with hands on its clock. A job that hangs waits for ``gate``."""

    def __init__(self, patch: pytest.MonkeyPatch, *jobs: Job, every_s: float = 0.001) -> None:
        self.ahead_s, real = 0.0, time.monotonic
        patch.setattr(time, "monotonic", lambda: real() + self.ahead_s)
        self.schedule, self.jobs = Schedule([Loop("test", every_s, jobs)]), jobs

    def started(self, times: int = 2) -> Standing:
        self.schedule.start()
        until(lambda: sum(job.runs for job in self.jobs) >= times, "the jobs run")
        return self


def test_a_job_that_hangs_stands_still_alone_though_others_wait_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, turns = threading.Event(), iter("..")
    hangs = Job("hangs", lambda: next(turns, "") or gate.wait(), patience=VITAL)
    scene = Standing(monkeypatch, hangs, Job("waits", lambda: None, patience=VITAL)).started(times=4)
    until(lambda: hangs.began_at is not None, "it hangs")
    assert scene.schedule.standing(60) == {}
    scene.ahead_s = 70
    told = scene.schedule.standing(60)
    gate.set()
    scene.schedule.stop()
    assert list(told) == ["hangs"]
    assert "has come to no good end for 70 s: it has been under way for 70 s" in told["hangs"]


def test_the_time_in_which_the_process_was_stopped_is_no_fault_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Standing(monkeypatch, Job("rests", lambda: None, patience=VITAL), every_s=1000.0).started(times=1)
    scene.ahead_s = 1280
    told, stopped = scene.schedule.standing(60), scene.schedule.standing(60, lambda _: 240.0)
    scene.schedule.stop()
    assert (list(told), stopped) == (["rests"], {})


def test_a_job_that_always_fails_stands_still_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Standing(
        monkeypatch, Job("bad", fails(ValueError("no such column")), patience=VITAL), Job("good", lambda: None)
    )
    scene.started()
    scene.ahead_s = 70
    until(lambda: scene.schedule.standing(60) and scene.jobs[1].runs > 4, "it stands still")
    told = scene.schedule.standing(60)
    scene.schedule.stop()
    assert list(told) == ["bad"]
    assert told["bad"].endswith("no such column")


def test_the_first_run_after_a_start_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    scene = Standing(monkeypatch, Job("makes up", gate.wait, patience=VITAL)).started(times=0)
    scene.ahead_s = 500
    assert scene.schedule.standing(60) == {}
    scene.ahead_s = 700
    assert list(scene.schedule.standing(60)) == ["makes up"]
    gate.set()
    scene.schedule.stop()


def test_what_is_not_vital_may_take_longer_and_a_rare_job_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Standing(monkeypatch, Job("slow", fails(ValueError("x"))), every_s=100).started(times=1)
    scene.ahead_s = 650
    assert scene.schedule.standing(60) == {}
    scene.ahead_s = 710
    assert list(scene.schedule.standing(60)) == ["slow"]
    scene.schedule.stop()


def test_what_another_server_does_does_not_stand_still_here(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Standing(monkeypatch, Job("led", lambda: None, led=True, patience=VITAL))
    scene.schedule = Schedule(scene.schedule.loops, cast(Leader, Follower()))
    scene.schedule.start()
    scene.ahead_s = 700
    until(lambda: scene.schedule.standing(60) == {}, "it is left to the other one")
    scene.schedule.stop()


def test_nothing_stands_still_before_the_start_and_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Standing(monkeypatch, Job("bad", fails(ValueError("x")), patience=VITAL))
    assert scene.schedule.standing(0) == {}
    scene.started()
    scene.schedule.stop()
    scene.ahead_s = 1000
    assert scene.schedule.standing(0) == {}
