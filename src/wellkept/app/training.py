"""Trainings as jobs: started, watched, called off, and gone on with when the server ended in between."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wellkept.app.pipeline import Pipeline
from wellkept.app.projects import origin_of, project_of
from wellkept.app.trainingorder import Order, is_outside, model_of
from wellkept.app.trainingrecord import Record
from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    StoreError,
    TrainingError,
    WellkeptError,
)
from wellkept.ml.contract import digest_of, read_project
from wellkept.ml.data.stage import Interval
from wellkept.ml.oversight import LOG, Oversight
from wellkept.ml.process import end_leftovers
from wellkept.ml.progress import all_said, last_said
from wellkept.spine.journal import RUNS, Journal
from wellkept.spine.registry import Job, ModelVersion, Registry
from wellkept.store.artifacts.artifacts import Artifacts

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""A run during which the server ended so often is not begun again: it may be what ends it."""
PAGE_BYTES = 200_000
KEPT_RUNS = 1000
"""The logs of so many runs are kept; a start of the server removes older ones."""
OUTSIDE_AT_A_TIME = 16
"""Retrains that an external CI runs: mostly they wait."""


class TrainingRuns:
    """Runs trainings. Projects are remembered by model, so that a retrain finds the code again."""

    def __init__(
        self,
        registry: Registry,
        record: Record,
        artifacts: Artifacts,
        pipeline: Pipeline,
        folder: Path,
        clock: Clock,
        at_a_time: int = 2,
        server: str = "",
    ) -> None:
        """``server`` names this one among several on one store: each runs what was started on it."""
        self._server, self._mine = server, {"server": server} if server else {}
        self._registry, self._record, self._clock = registry, record, clock
        self._artifacts, self._pipeline, self._folder = artifacts, pipeline, folder
        self._room, self._outside_room = threading.Semaphore(at_a_time), threading.Semaphore(OUTSIDE_AT_A_TIME)
        self._running: dict[str, Oversight] = {}

    def resume(self) -> None:
        """Go on with the trainings that an earlier process left. Retrains stay: their durable run resumes them."""
        jobs = self._registry.jobs(limit=KEPT_RUNS)
        self._forget({self._folder_of(job) for job in jobs})
        for job in jobs:
            if job.state == "running" and job.kind == "train" and job.details.get("server", "") == self._server:
                if "start" not in job.details or _attempts(job) >= MOST_ATTEMPTS:
                    self._end(job, "lost", _gave_up(job), "lost")
                    self._tidy(job)
                else:
                    self._begin(job)

    def give_up_but(self, servers: Collection[str]) -> None:
        """Settle the trainings of servers that are gone: not one of these."""
        for job in self._registry.jobs(limit=KEPT_RUNS):
            server = job.details.get("server", "")
            if job.state == "running" and job.kind == "train" and server and server not in servers:
                self._end(job, "lost", f"server {server}, on which it ran, is gone; start it anew on another", "lost")

    def start(self, project: str, by: str, *, fresh: bool = False, origin: Mapping[str, str] | None = None) -> Job:
        """Start a run on a thread of its own; ``fresh`` takes no step over from earlier runs.

        ``origin`` says where a model is from that is not trained but only judged; it is part of the lineage.

        Raises:
            NotFoundError, DocumentError: the folder is no right model project; nothing is started.
        """
        source = Path(project).absolute()
        contract, text = read_project(source)
        now = self._clock.now()
        order = Order(source, now - timedelta(seconds=contract.retrain.window_s), now, fresh=fresh)
        job = Job(
            id=stable_id("job", contract.name, str(source), now.isoformat()),
            kind="train",
            subject=f"model:{contract.name}",
            state="running",
            started_at=now,
            details={
                "model": contract.name,
                **order.details(),
                "phase": "waiting",
                "by": by,
                "origin": dict(origin or {}),
                **self._mine,
            },
        )
        self._registry.save_contract(contract.name, text, digest_of(text.encode()), now)
        self._registry.save_job(job)
        self._record.noted(now, by, "started", job, project=str(source))
        self._begin(job)
        return job

    def train(
        self,
        model: str,
        start: datetime,
        end: datetime,
        excluded: Sequence[Interval],
        since: datetime | None,
        key: str,
    ) -> ModelVersion:
        """Retrain a model on a span, some intervals left out, judged on rows since the world changed.

        The same key again returns the same version; one that was cut off goes on.

        Raises:
            TrainingError: it failed; the job says the same.
        """
        known = self._registry.job(key)
        if known is not None and known.state == "done":
            return self._registry.version(model, str(known.details["digest"]))
        job = Job(key, "retrain", f"model:{model}", "running", self._clock.now(), details={"model": model})
        try:
            if known is not None and known.state == "running" and "start" in known.details:
                job = known
                if _attempts(job) >= MOST_ATTEMPTS:
                    raise TrainingError(_gave_up(job))
            else:
                order = Order(self._project_of(model), start, end, tuple(excluded), since)
                origin = origin_of(self._registry, model)
                job = replace(job, details={**job.details, **order.details(), "origin": origin})
            return self._run(job)
        except TrainingError as error:
            self._failed(job, error)
            raise
        except Exception as error:
            self._failed(job, error)
            raise TrainingError(f"training of {model}: {_said(error)}") from error
        finally:
            self._tidy(job)

    def cancel(self, job_id: str, by: str) -> Job:
        """Call a run off: its processes are ended, and what is served stays as it is.

        Raises:
            NotFoundError: there is no such run.
            ConflictError: it does not run any more.
        """
        job = self._registry.job(job_id)
        if job is None:
            raise NotFoundError(f"job {job_id}", "is not known")
        oversight, server = self._running.get(job_id), job.details.get("server", "")
        if job.state == "running" and oversight is None and server not in ("", self._server):
            raise ConflictError(f"job {job_id}", "runs on another server; call it off there", server)
        if job.state != "running" or oversight is None:
            raise ConflictError(f"job {job_id}", "does not run; its state is", job.state)
        self._record.noted(self._clock.now(), by, "called_off", job)
        oversight.cancel(by)
        return job

    def log(self, job_id: str, after: int) -> dict[str, Any]:
        """What a run's processes printed from byte ``after`` on, where to go on, and the newest word of progress.

        Raises:
            NotFoundError: there is no such run.
        """
        job = self._registry.job(job_id)
        if job is None:
            raise NotFoundError(f"job {job_id}", "is not known")
        folder = self._folder_of(job)
        text, following = _page(folder / LOG, after)
        said = last_said(folder)
        return {"state": job.state, "text": text, "next": following, "progress": encode(said) if said else None}

    def _begin(self, job: Job) -> None:
        threading.Thread(target=self._run_job, args=(job,), name=f"train-{model_of(job)}", daemon=True).start()

    def _run_job(self, job: Job) -> None:
        """The thread's edge: whatever happens is the job's state."""
        try:
            self._run(job)
        except WellkeptError as error:
            self._failed(job, error)
        except Exception as error:
            log.exception("training %s failed", job.id)
            self._failed(job, error)
        finally:
            self._tidy(job)

    def _run(self, job: Job) -> ModelVersion:
        """Run an order to its end, once there is room for it."""
        order = Order.of(job.details)
        contract, _ = read_project(order.project)
        oversight = Oversight(self._folder_of(job), self._pipeline.limits_of(contract), contract.train.seed)
        journal = Journal(self._registry, self._artifacts, job, fresh=order.fresh)
        room = self._outside_room if is_outside(contract, job) else self._room
        self._running[job.id] = oversight
        try:
            journal.note(phase="waiting")
            while not room.acquire(timeout=0.2):
                if oversight.cancelled_by is not None:
                    raise TrainingError(f"was cancelled by {oversight.cancelled_by} while it waited", cause="cancelled")
            try:
                if _attempts(job):
                    end_leftovers(oversight.folder)
                journal.note(attempts=_attempts(job) + 1)
                version = self._pipeline.run(journal, oversight, order, self._clock.now())
            finally:
                room.release()
                self._record.curves(job, all_said(oversight.folder))
        finally:
            del self._running[job.id]
        self._finish(journal, version)
        return version

    def _finish(self, journal: Journal, version: ModelVersion) -> None:
        assert version.gate is not None
        job, now = journal.job, self._clock.now()
        taken = {name: source for name, source in journal.taken.items() if source != job.id}
        details = {
            **job.details,
            "phase": "done",
            "version": version.number,
            "digest": version.digest,
            "judgement": version.gate.judgement.value,
            "checks": encode(version.gate.checks),
            "metrics": dict(version.metrics),
            "taken": taken,
        }
        self._record.done(now, job, version, self._registry.jobs(job.subject, kinds=RUNS))
        self._registry.save_job(replace(job, state="done", ended_at=now, details=details))

    def _failed(self, job: Job, error: Exception) -> None:
        """Settle a job by what went wrong."""
        causes = {InputError: "data", StoreError: "store"}
        other = next((word for kind, word in causes.items() if isinstance(error, kind)), "code")
        cause = error.cause if isinstance(error, TrainingError) else other
        self._end(job, "cancelled" if cause == "cancelled" else "failed", _said(error), cause)

    def _end(self, job: Job, state: str, why: str, cause: str) -> None:
        """Settle a job that has no version to show."""
        job = self._registry.job(job.id) or job
        now, details = self._clock.now(), {**job.details, "error": why, "cause": cause, "phase": state}
        self._record.ended(now, job, state, why, cause)
        self._registry.save_job(replace(job, state=state, ended_at=now, details=details))

    def _folder_of(self, job: Job) -> Path:
        return self._folder / job.id.replace(":", "_")

    def _tidy(self, job: Job) -> None:
        """Leave what the workers were asked and what they printed; data and models are kept as artifacts."""
        folder = self._folder_of(job)
        for path in folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix not in (".json", ".log"):
                path.unlink(missing_ok=True)

    def _forget(self, kept: set[Path]) -> None:
        """Remove the logs of runs that are long over."""
        for folder in self._folder.glob("*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _project_of(self, model: str) -> Path:
        found = project_of(self._registry, model)
        if found is None:
            raise TrainingError(f"model {model} was never trained from a project folder here")
        return found


def _attempts(job: Job) -> int:
    return int(job.details.get("attempts", 0))


def _gave_up(job: Job) -> str:
    tries, phase = _attempts(job), job.details.get("phase", "")
    return (
        f"the server ended {tries} times while it ran, the last time in its phase {phase}; look at the server's log "
        "and at the machine's memory before you start it again with `wellkept models train`"
    )


def _page(file: Path, after: int) -> tuple[str, int]:
    """The text of a log from a byte on, and the byte behind it; a character that is not whole yet waits."""
    if not file.is_file():
        return "", after
    with file.open("rb") as read:
        read.seek(after)
        data = read.read(PAGE_BYTES)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            data = data[: error.start]
    return data.decode("utf-8", errors="replace"), after + len(data)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, WellkeptError) else f"{type(error).__name__}: {error}"
