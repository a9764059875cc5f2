"""Skew checks as jobs: asked for by people, or by the clock where a contract says how often."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wellkept.app.projects import project_of
from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import NotFoundError, WellkeptError
from wellkept.ml.data.skewcheck import SkewCheck
from wellkept.ml.releases import Releases
from wellkept.ml.watch.base import SkewSeen
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, Registry

log = logging.getLogger(__name__)

KIND = "skew"


class SkewRuns:
    """Runs checks of live models, one thread each."""

    def __init__(
        self,
        registry: Registry,
        releases: Releases,
        check: SkewCheck,
        folder: Path,
        clock: Clock,
        server: str = "",
    ) -> None:
        """``server`` names this one among several on one store: each runs what was started on it."""
        self._server, self._mine = server, {"server": server} if server else {}
        self._registry, self._releases, self._check = registry, releases, check
        self._folder, self._clock = folder, clock

    def resume(self) -> None:
        """Settle the checks that an earlier process left; the next one looks again."""
        for job in self._registry.jobs(limit=1000):
            if job.kind == KIND and job.state == "running" and job.details.get("server", "") == self._server:
                self._end(job, "lost", error="the server ended while it ran")

    def start(self, model: str) -> Job:
        """Begin a check of the model's champion; the job can be asked for.

        Raises:
            NotFoundError: the model has no champion, or was never trained from a folder here.
        """
        champion = self._registry.alias(model, CHAMPION)
        if champion is None:
            raise NotFoundError(
                f"model {model}", f"has no live version; `wellkept models promote {model}` proposes one"
            )
        project, now = self._project_of(model), self._clock.now()
        job = Job(
            id=stable_id("skew", model, champion.digest, now.isoformat()),
            kind=KIND,
            subject=f"model:{model}",
            state="running",
            started_at=now,
            details={"model": model, "digest": champion.digest, "phase": "comparing", **self._mine},
        )
        self._registry.save_job(job)
        arguments = (job, project, champion, now)
        threading.Thread(target=self._run, args=arguments, name=f"skew-{model}", daemon=True).start()
        return job

    def tick(self, now: datetime) -> None:
        """Begin the checks that are due."""
        for champion in self._releases.champions():
            every_s = self._releases.contract(champion).data.skew.every_s
            if every_s is not None and self._is_due(champion.model, now - timedelta(seconds=every_s)):
                self.start(champion.model)

    def seen(self, version: ModelVersion) -> SkewSeen | None:
        """What the newest check of a version found; None where there was none."""
        for job in self._checks_of(version.model):
            if job.state == "done" and job.details.get("digest") == version.digest:
                report: dict[str, Any] = job.details["report"]
                shares = {one["feature"]: float(one["share"]) for one in report["features"]}
                return SkewSeen(job.started_at, float(report["limit"]), int(report["rows"]), shares)
        return None

    def _run(self, job: Job, project: Path, champion: ModelVersion, now: datetime) -> None:
        """The thread's edge: whatever happens is the job's state."""
        folder = self._folder / job.id
        try:
            contract = self._releases.contract(champion)
            report = self._check.check(project, contract, champion.digest, now, folder)
            self._end(job, "done", report=report)
        except WellkeptError as error:
            self._end(job, "failed", error=str(error))
        except Exception as error:
            log.exception("skew check %s failed", job.id)
            self._end(job, "failed", error=f"{type(error).__name__}: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self, job: Job, state: str, **details: Any) -> None:
        details = {**job.details, "phase": state, **details}
        self._registry.save_job(replace(job, state=state, ended_at=self._clock.now(), details=details))

    def _is_due(self, model: str, since: datetime) -> bool:
        newest = next(iter(self._checks_of(model)), None)
        return newest is None or (newest.state != "running" and newest.started_at <= since)

    def _checks_of(self, model: str) -> list[Job]:
        return [job for job in self._registry.jobs(f"model:{model}", limit=200) if job.kind == KIND]

    def _project_of(self, model: str) -> Path:
        found = project_of(self._registry, model)
        if found is None:
            raise NotFoundError(f"model {model}", "was never trained from a project folder here")
        return found
