"""Training, wired: snapshot, train, judge, register, one after the other, as a job that can be watched."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import WellkeptError
from wellkept.ml.contract import digest_of, read_project
from wellkept.ml.data.stage import Interval, Snapshots
from wellkept.ml.evaluate.stage import Outcome, judge, measure
from wellkept.ml.register.stage import draft_version, register
from wellkept.ml.train.stage import Trainer
from wellkept.spine.audit import Audit
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, Registry
from wellkept.spine.stream import Stream
from wellkept.store.artifacts.artifacts import Artifacts

Phase = Callable[[str], None]


class TrainingRuns:
    """Runs trainings. Projects are remembered by model, so that a retrain finds the code again."""

    def __init__(
        self,
        registry: Registry,
        stream: Stream,
        audit: Audit,
        artifacts: Artifacts,
        snapshots: Snapshots,
        folder: Path,
        clock: Clock,
        timeout_s: float,
    ) -> None:
        self._registry, self._stream, self._audit, self._clock = registry, stream, audit, clock
        self._artifacts, self._snapshots, self._trainer = artifacts, snapshots, Trainer(artifacts)
        self._folder, self._timeout_s = folder, timeout_s

    def start(self, project: str, by: str) -> Job:
        """Start a run on a thread of its own.

        Raises:
            NotFoundError, DocumentError: the folder is no right model project; nothing is started.
        """
        source = Path(project)
        contract, text = read_project(source)
        now = self._clock.now()
        job = Job(
            id=stable_id("job", contract.name, project, now.isoformat()),
            kind="train",
            subject=f"model:{contract.name}",
            state="running",
            started_at=now,
            details={"model": contract.name, "project": project, "phase": "snapshot"},
        )
        self._registry.save_contract(contract.name, text, digest_of(text.encode()), now)
        self._registry.save_job(job)
        self._audit.append(now, by, "training.started", job.subject, {"project": project, "job": job.id})
        threading.Thread(target=self._run_job, args=(job, source), name=f"train-{contract.name}", daemon=True).start()
        return job

    def train(
        self,
        model: str,
        start: datetime,
        end: datetime,
        excluded: Sequence[tuple[datetime, datetime]],
        since: datetime | None,
        key: str,
    ) -> ModelVersion:
        """Retrain a model on a span, some intervals left out, judged on rows since the world changed.

        The same key again returns the same version.
        """
        known = self._registry.job(key)
        if known is not None and known.state == "done":
            return self._registry.version(model, str(known.details["digest"]))
        project = self._project_of(model)
        details = {"model": model, "project": str(project)}
        job = Job(key, "retrain", f"model:{model}", "running", self._clock.now(), details=details)
        try:
            return self._run(job, project, (start, end), excluded, since)
        except (WellkeptError, OSError) as error:
            self._fail(job, error)
            raise

    def _run_job(self, job: Job, project: Path) -> None:
        """The thread's edge: whatever happens is the job's state."""
        contract, _ = read_project(project)
        now = self._clock.now()
        span = (now - timedelta(seconds=contract.retrain.window_s), now)
        try:
            self._run(job, project, span, (), None)
        except (WellkeptError, OSError) as error:
            self._fail(job, error)

    def _fail(self, job: Job, error: Exception) -> None:
        now, details = self._clock.now(), {**job.details, "error": str(error), "phase": "failed"}
        self._registry.save_job(replace(job, state="failed", ended_at=now, details=details))
        self._audit.append(now, "wellkept", "training.failed", job.subject, {"job": job.id, "error": str(error)})

    def _run(
        self, job: Job, project: Path, span: Interval, excluded: Sequence[Interval], since: datetime | None
    ) -> ModelVersion:
        contract, text = read_project(project)
        folder = self._folder / job.id.replace(":", "_")
        shutil.rmtree(folder, ignore_errors=True)

        def phase(name: str) -> None:
            self._registry.save_job(replace(job, details={**job.details, "phase": name}))

        phase("snapshot")
        snapshot = self._snapshots.take(project, contract, span, excluded, folder, self._timeout_s)
        phase("training")
        champion = self._registry.alias(contract.name, CHAMPION)
        rival = champion.artifact if champion else None
        trained = self._trainer.train(project, contract, snapshot.path, rival, folder, self._timeout_s, since)
        phase("judging")
        lineage = {
            "code": digest_of((project / "model.py").read_bytes()),
            "contract": digest_of(text.encode()),
            "snapshot": snapshot.digest,
            "window": f"{span[0].isoformat()} to {span[1].isoformat()}",
            "excluded": "; ".join(f"{a.isoformat()} to {b.isoformat()}" for a, b in excluded),
            "rows": f"{trained.trained_on} trained on, {len(trained.label)} held out",
            "parent": champion.digest if champion else "",
            "run": job.id,
        }
        now = self._clock.now()
        draft = draft_version(contract.name, trained.artifact, snapshot.digest, trained.manifest, lineage, now)
        outcome = Outcome(
            trained.label, trained.challenger, trained.champion, trained.latency_p99_ms, trained.null_shares
        )
        verdict = judge(contract, outcome, draft.digest, now)
        version = register(self._registry, draft, verdict, measure(contract, outcome), trained.manifest)
        self._stream.save_verdict(verdict)
        self._finish(job, version)
        return version

    def _finish(self, job: Job, version: ModelVersion) -> None:
        assert version.gate is not None
        details = {
            **job.details,
            "phase": "done",
            "version": version.number,
            "digest": version.digest,
            "judgement": version.gate.judgement.value,
            "checks": encode(version.gate.checks),
            "metrics": dict(version.metrics),
        }
        now = self._clock.now()
        self._registry.save_job(replace(job, state="done", ended_at=now, details=details))
        what = {"version": version.number, "digest": version.digest, "judgement": version.gate.judgement.value}
        self._audit.append(now, "wellkept", "training.done", job.subject, what)

    def _project_of(self, model: str) -> Path:
        for job in self._registry.jobs(f"model:{model}", limit=200):
            if "project" in job.details:
                return Path(str(job.details["project"]))
        raise WellkeptError(f"model {model} was never trained from a project folder here")
