"""The schedule: each loop ticks on a thread of its own, so that a slow one does not hold up the others."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellkept.spine.lease import Alone, Leader

log = logging.getLogger(__name__)

VITAL, LONG, VERY_LONG = 1.0, 10.0, 240.0
"""Patiences. Without what is vital trouble is not found or nobody is told; a look at every model or a receiver that
does not answer may take long, a copy of all data very long.
"""
LONGEST_ERROR = 200


@dataclass(slots=True)
class Job:
    """Something that is done again and again, and how that has gone.

    ``led`` is for what only one of the servers on a store may do: it is left out while another one leads. ``begin`` is
    done before the first run, and again after one that failed, and where this server has come to lead anew. It stands
    still after ``patience`` patiences; see :meth:`Schedule.standing`.
    """

    name: str
    run: Callable[[], object]
    led: bool = False
    begin: Callable[[], object] | None = None
    patience: float = LONG
    begun: int | None = None
    """The term of the lead under which it was begun; None where it has to be begun."""
    runs: int = 0
    failures: int = 0
    last_s: float = 0.0
    last_error: str = ""
    well_at: float = 0.0
    """When it last came to a good end, or was another server's; of the clock that only goes on."""
    began_at: float | None = None
    """When the run that is under way began, of the same clock."""


@dataclass(slots=True)
class Loop:
    """Jobs that run one after the other, every ``every_s`` seconds, or as soon as something wakes them.

    A loop that is woken rests for ``rest_s`` between two turns, and ``rests`` times as long as the last one took, up to
    ``longest_rest_s``: however often it is woken, it leaves time to others, and has more to do at once.
    """

    name: str
    every_s: float
    jobs: Sequence[Job] = field(default_factory=tuple)
    wake: threading.Event | None = None
    rest_s: float = 0.0
    rests: float = 1.0
    longest_rest_s: float = 1.0


class Schedule:
    """Runs loops until it is stopped."""

    def __init__(self, loops: Sequence[Loop], leader: Leader | None = None) -> None:
        self.loops, self._leader = loops, leader or Alone()
        self._stopped, self._started, self._started_at = threading.Event(), False, 0.0
        self._threads = [
            threading.Thread(target=self._turn, args=(loop,), name=f"loop-{loop.name}", daemon=True) for loop in loops
        ]

    def start(self) -> None:
        self._started, self._started_at = True, time.monotonic()
        for job in (job for loop in self.loops for job in loop.jobs):
            job.well_at = self._started_at
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask every loop to end after its present job, and wait for them, ``timeout_s`` seconds in all."""
        self._stopped.set()
        for loop in self.loops:
            if loop.wake is not None:
                loop.wake.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def turn(self, names: Collection[str]) -> None:
        """Run the jobs of some loops once, on this thread and in their order, and raise what they raise.

        For who makes time pass by hand, and has not started the schedule.
        """
        for loop in self.loops:
            for job in loop.jobs if loop.name in names else ():
                _begun(job, self._leader.term)
                job.run()

    def failures(self) -> dict[str, Any]:
        """How often jobs have failed, and the words of one that fails now."""
        jobs = [job for loop in self.loops for job in loop.jobs]
        last = next((job.last_error for job in jobs if job.last_error), "")
        return {"failures": sum(job.failures for job in jobs), "last_error": last}

    def is_proven(self) -> bool:
        """Whether every vital job has come to a good end since the start, or was another server's."""
        jobs = (job for loop in self.loops for job in loop.jobs if job.patience <= VITAL)
        return all(job.well_at > self._started_at for job in jobs)

    def standing(self, patience_s: float, lost_s: Callable[[float], float] = lambda _: 0.0) -> dict[str, str]:
        """The jobs that stand still, and in a sentence why each does.

        A job stands still when it came to no good end for ``patience_s`` and the rhythm of its loop; one that may take
        long has longer. Of a loop that waits for the end of a job, that one is named alone. ``lost_s``: for so long
        since a moment the process itself was stopped, which is no job's fault.
        """
        if not self._started or self._stopped.is_set():
            return {}
        now = time.monotonic()

        def age(since: float) -> float:
            return now - since - lost_s(since)

        return {job.name: _standing(job, age) for loop in self.loops for job in _standing_still(loop, patience_s, age)}

    def _turn(self, loop: Loop) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            if loop.wake is not None:
                loop.wake.clear()
            for job in loop.jobs:
                if self._stopped.is_set():
                    break
                if self._leader.leads or not job.led:
                    _run(job, self._leader, self._stopped)
                else:
                    job.well_at = time.monotonic()
            took_s = time.monotonic() - began
            if loop.wake is None:
                self._stopped.wait(max(0.0, loop.every_s - took_s))
            elif not self._stopped.wait(max(loop.rest_s, min(loop.rests * took_s, loop.longest_rest_s))):
                loop.wake.wait(max(0.0, loop.every_s - (time.monotonic() - began)))


def _run(job: Job, leader: Leader, stopped: threading.Event) -> None:
    """Run a job once. This is the edge at which whatever a stage raises is counted and logged: the loop goes on.

    A job that outlasts the patience of who stops the schedule finds everything closed, and that is no failure.
    """
    began = job.began_at = time.monotonic()
    try:
        with leader.fenced() if job.led else contextlib.nullcontext():
            _begun(job, leader.term)
            job.run()
        job.last_error = ""
        job.well_at = time.monotonic()
    except Exception as error:
        job.begun = None
        if job.led and not leader.leads:
            job.well_at = time.monotonic()
            log.info("job %s was left off: this server leads no more", job.name)
            return
        if stopped.is_set():
            log.info("job %s was cut off: the server is stopping", job.name)
            return
        job.failures += 1
        what = str(error) or type(error).__name__
        if job.last_error != what:
            log.exception("job %s failed", job.name)
        job.last_error = what
    finally:
        job.runs += 1
        job.began_at = None
        job.last_s = time.monotonic() - began


def _begun(job: Job, term: int | None) -> None:
    if job.begin is not None and (job.begun is None or job.begun != term):
        job.begin()
        job.begun = term


def _standing_still(loop: Loop, patience_s: float, age: Callable[[float], float]) -> Sequence[Job]:
    late = [job for job in loop.jobs if age(job.well_at) > loop.every_s + _patience(job, patience_s)]
    return [job for job in late if job.began_at is not None and age(job.began_at) > patience_s] or late


def _patience(job: Job, patience_s: float) -> float:
    """The first run after a start may take long, too: it makes up for what came meanwhile."""
    return patience_s * (job.patience if job.runs else max(LONG, job.patience))


def _standing(job: Job, age: Callable[[float], float]) -> str:
    since = f"has come to no good end for {age(job.well_at):.0f} s"
    if job.last_error:
        return f"{since}: {job.last_error[:LONGEST_ERROR]}"
    if job.began_at is not None:
        return f"{since}: it has been under way for {age(job.began_at):.0f} s"
    return since
