"""The scraper: one thread, one loop, one task for each target, and one more thread that reads what they answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.ops.ingest.scrape.base import Labels, Sink, Target
from wellkept.ops.ingest.scrape.fetch import trust_of
from wellkept.ops.ingest.scrape.files import TargetFiles
from wellkept.ops.ingest.scrape.job import Job, Tls
from wellkept.ops.ingest.scrape.memory import Memory
from wellkept.ops.ingest.scrape.runner import Place, Runner
from wellkept.ops.ingest.scrape.targets import Targets, own_targets

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""How often files of targets are looked at."""


class Scraper:
    """Scrapes as soon as it is started. When it is closed nothing is marked as over: it will go on.

    Raises:
        InputError: a job's targets would write the same series, or a file for its certificates cannot be used.
    """

    def __init__(self, jobs: Sequence[Job], sink: Sink, clock: Clock, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._own: Targets = {key: target for job in jobs for key, target in own_targets(job).items()}
        self._files = [TargetFiles(job) for job in jobs if job.files]
        self._trust: dict[Tls, ssl.SSLContext] = {}
        for job in jobs:
            if job.tls not in self._trust:
                self._trust[job.tls] = trust_of(job.tls)
        self._look_every_s = look_every_s
        self._reader = ThreadPoolExecutor(1, "scrape-reader")
        self._place = Place(sink, clock, self._reader)
        self._running: dict[tuple[str, Labels], tuple[Runner, asyncio.Task[None]]] = {}
        self._shown: tuple[Runner, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        """Those of targets that are on their way out, as well."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="scrape", daemon=True)

    def start(self) -> None:
        """Begin; each target's first scrape comes at its own moment within its interval."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def close(self) -> None:
        """Stop. Scrapes that are under way are given up."""
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        self._reader.shutdown()

    def status(self) -> dict[str, Any]:
        """Every target and how it has gone, and what is wrong with files of targets."""
        mistakes = {name: why for files in self._files for name, why in dict(files.mistakes).items()}
        return {"targets": [runner.status() for runner in self._shown], "files": mistakes}

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None
        try:
            loop.run_until_complete(self._serve())
        finally:
            loop.close()

    async def _serve(self) -> None:
        while not self._closing.is_set():
            if self._files:
                await asyncio.get_running_loop().run_in_executor(self._reader, self._look)
            self._follow(self._wanted())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._look_every_s if self._files else None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self) -> None:
        for files in self._files:
            before = dict(files.mistakes)
            try:
                files.look()
            except Exception:
                # The edge at which what nobody foresaw in a file is logged: the targets that are known go on.
                log.exception("scrape targets: the files of a job could not be looked at")
            for name, why in files.mistakes.items():
                if before.get(name) != why:
                    log.warning("scrape targets: %s: %s", name, why)

    def _wanted(self) -> Targets:
        """All targets; what the configuration says itself counts more than what a file says."""
        found = {key: target for files in self._files for key, target in files.targets().items()}
        return {**found, **self._own}

    def _follow(self, wanted: Targets) -> None:
        """Begin with targets that are new, and let go of those that are wanted no more."""
        for key, (runner, _) in list(self._running.items()):
            if key not in wanted:
                runner.leave()
                del self._running[key]
        for key, target in wanted.items():
            if key not in self._running:
                self._begin(target, None)
            elif self._running[key][0].target.url != target.url:
                # It has moved: what is known of its series goes along, so that they end where the new place lacks them.
                runner, task = self._running[key]
                task.cancel()
                self._begin(target, runner.memory)
        runners = (runner for runner, _ in self._running.values())
        self._shown = tuple(sorted(runners, key=lambda runner: runner.target.key))

    def _begin(self, target: Target, memory: Memory | None) -> None:
        runner = Runner(target, self._place, self._trust[target.job.tls], memory)
        task = asyncio.get_running_loop().create_task(runner.run(), name=f"scrape {target.address}")
        self._running[target.key] = runner, task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
