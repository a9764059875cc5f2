"""Training, wired: snapshot, train, judge, register, one after the other, as a job that can be watched."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import TrainingError, WellkeptError
from wellkept.ml.cards import CARD
from wellkept.ml.contract import ModelContract, digest_of, read_project
from wellkept.ml.data.stage import Interval, Snapshots
from wellkept.ml.evaluate.card.page import card_files, make_card
from wellkept.ml.evaluate.stage import judge, measure
from wellkept.ml.register.stage import draft_version, register
from wellkept.ml.train.stage import Trained, Trainer
from wellkept.spine.audit import Audit
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, Registry
from wellkept.spine.stream import Stream
from wellkept.store.artifacts.artifacts import Artifacts

log = logging.getLogger(__name__)


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

    def mark_lost(self) -> None:
        """Settle the trainings that an earlier process left. Retrains stay: their durable run resumes them."""
        for job in self._registry.jobs(limit=1000):
            if job.state == "running" and job.kind == "train":
                what = "the server ended while it ran; start it again with `wellkept models train`"
                self._end(job, "lost", what)
                self._tidy(job)

    def start(self, project: str, by: str) -> Job:
        """Start a run on a thread of its own.

        Raises:
            NotFoundError, DocumentError: the folder is no right model project; nothing is started.
        """
        source = Path(project).absolute()
        contract, text = read_project(source)
        now = self._clock.now()
        job = Job(
            id=stable_id("job", contract.name, str(source), now.isoformat()),
            kind="train",
            subject=f"model:{contract.name}",
            state="running",
            started_at=now,
            details={"model": contract.name, "project": str(source), "phase": "snapshot"},
        )
        self._registry.save_contract(contract.name, text, digest_of(text.encode()), now)
        self._registry.save_job(job)
        self._audit.append(now, by, "training.started", job.subject, {"project": str(source), "job": job.id})
        span = (now - timedelta(seconds=contract.retrain.window_s), now)
        threading.Thread(
            target=self._run_job, args=(job, source, span), name=f"train-{contract.name}", daemon=True
        ).start()
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

        Raises:
            TrainingError: it failed; the job says the same.
        """
        known = self._registry.job(key)
        if known is not None and known.state == "done":
            return self._registry.version(model, str(known.details["digest"]))
        job = Job(key, "retrain", f"model:{model}", "running", self._clock.now(), details={"model": model})
        try:
            project = self._project_of(model)
            job = replace(job, details={**job.details, "project": str(project)})
            return self._run(job, project, (start, end), excluded, since)
        except TrainingError as error:
            self._end(job, "failed", str(error))
            raise
        except Exception as error:
            self._end(job, "failed", _said(error))
            raise TrainingError(f"training of {model}: {_said(error)}") from error
        finally:
            self._tidy(job)

    def _run_job(self, job: Job, project: Path, span: Interval) -> None:
        """The thread's edge: whatever happens is the job's state."""
        try:
            self._run(job, project, span, (), None)
        except WellkeptError as error:
            self._end(job, "failed", str(error))
        except Exception as error:
            log.exception("training %s failed", job.id)
            self._end(job, "failed", _said(error))
        finally:
            self._tidy(job)

    def _run(
        self, job: Job, project: Path, span: Interval, excluded: Sequence[Interval], since: datetime | None
    ) -> ModelVersion:
        contract, text = read_project(project)
        folder, champion = self._folder_of(job), self._registry.alias(contract.name, CHAMPION)
        shutil.rmtree(folder, ignore_errors=True)
        lineage = {
            "code": digest_of((project / "model.py").read_bytes()),
            "contract": self._artifacts.put_bytes(text.encode()),
            "window": f"{span[0].isoformat()} to {span[1].isoformat()}",
            "excluded": "; ".join(f"{a.isoformat()} to {b.isoformat()}" for a, b in excluded),
            "parent": champion.digest if champion else "",
            "run": job.id,
        }
        self._note(job, "snapshot")
        snapshot = self._snapshots.take(project, contract, span, excluded, folder, self._timeout_s)
        self._note(job, "training")
        rival = champion.artifact if champion else None
        trained = self._trainer.train(project, contract, snapshot.path, rival, folder, self._timeout_s, since)
        self._note(job, "judging")
        lineage["snapshot"] = snapshot.digest
        lineage["rows"] = f"{trained.trained_on} trained on, {len(trained.outcome.label)} held out"
        version = self._judged(contract, trained, lineage)
        self._finish(job, version)
        return version

    def _judged(self, contract: ModelContract, trained: Trained, lineage: Mapping[str, str]) -> ModelVersion:
        """What was trained, judged by the contract's gates and registered either way."""
        now, snapshot = self._clock.now(), lineage["snapshot"]
        draft = draft_version(contract.name, trained.artifact, snapshot, trained.manifest, lineage, now)
        outcome = trained.outcome
        verdict = judge(contract, outcome, draft.digest, now)
        files = card_files(make_card(contract, outcome, verdict, draft.lineage))
        draft = replace(draft, lineage={**draft.lineage, CARD: self._artifacts.put_files(files)})
        version = register(self._registry, draft, verdict, measure(contract, outcome), trained.manifest)
        self._stream.save_verdict(verdict)
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
        what = {"version": version.number, "digest": version.digest, "judgement": version.gate.judgement.value}
        self._audit.append(now, "wellkept", "training.done", job.subject, what)
        self._registry.save_job(replace(job, state="done", ended_at=now, details=details))

    def _note(self, job: Job, phase: str) -> None:
        self._registry.save_job(replace(job, details={**job.details, "phase": phase}))

    def _end(self, job: Job, state: str, why: str) -> None:
        """Settle a job that has no version to show."""
        now, details = self._clock.now(), {**job.details, "error": why, "phase": state}
        self._audit.append(now, "wellkept", f"training.{state}", job.subject, {"job": job.id, "error": why})
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

    def _project_of(self, model: str) -> Path:
        for job in self._registry.jobs(f"model:{model}", limit=200):
            if "project" in job.details:
                return Path(str(job.details["project"]))
        raise TrainingError(f"model {model} was never trained from a project folder here")


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, WellkeptError) else f"{type(error).__name__}: {error}"
