"""What a person can ask of the ml loop, one function a verb; routes and commands only pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.plan import Plan
from wellkept.ml.watch.affected import Log, affected_models
from wellkept.spine.registry import Job, ModelVersion, Registry
from wellkept.spine.stream import Stream


class Training(Protocol):
    """Starts training runs, calls them off, and reads what they print."""

    def start(self, project: str, by: str, *, fresh: bool = False) -> Job: ...

    def cancel(self, job_id: str, by: str) -> Job: ...

    def log(self, job_id: str, after: int) -> dict[str, Any]: ...


class Promotion(Protocol):
    """Proposes promotions and rollbacks at the gate."""

    def promote(self, version: ModelVersion, by: str, why: str, *, unjudged: bool = False) -> Plan: ...

    def move(self, model: str, alias: str, version: ModelVersion | None, by: str) -> Plan: ...

    def moves(self, model: str) -> list[dict[str, Any]]: ...

    def rollback(self, model: str, by: str, why: str) -> tuple[str, Plan | None]: ...

    def deployments(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class ModelUseCases:
    """The verbs: list, show, train, promote, roll back."""

    registry: Registry
    stream: Stream
    training: Training
    promotion: Promotion
    predictions: Log

    def models(self) -> list[dict[str, Any]]:
        """Every model, with its champion."""
        return [self._summary(name) for name in self.registry.models()]

    def show(self, model: str) -> dict[str, Any]:
        """One model: contract, versions, aliases, verdicts, jobs.

        Raises:
            NotFoundError: there is no such model.
        """
        contract = self.registry.contract(model)
        if contract is None:
            raise NotFoundError(f"model {model}", "is not known; `wellkept models train FOLDER` makes one")
        subject = f"model:{model}"
        return {
            **self._summary(model),
            "contract": contract,
            "versions": encode(self.registry.versions(model)),
            "aliases": self.registry.aliases(model),
            "history": self.promotion.moves(model),
            "verdicts": encode(self.stream.verdicts(subject=subject)),
            "jobs": encode(self.registry.jobs(subject)),
        }

    def train(self, project: str, by: str, *, fresh: bool = False) -> dict[str, Any]:
        """Start a training run of a project folder; the job can be asked for. ``fresh`` takes no step over."""
        job: dict[str, Any] = encode(self.training.start(project, by, fresh=fresh))
        return job

    def jobs(self, model: str, limit: int) -> list[dict[str, Any]]:
        """Training runs, newest first: of a model, or of all where it is empty."""
        found: list[dict[str, Any]] = encode(self.registry.jobs(f"model:{model}" if model else None, limit))
        return found

    def job(self, job_id: str) -> dict[str, Any]:
        """A training run.

        Raises:
            NotFoundError: there is no such run.
        """
        job = self.registry.job(job_id)
        if job is None:
            raise NotFoundError(f"job {job_id}", "is not known")
        shown: dict[str, Any] = encode(job)
        return shown

    def cancel(self, job_id: str, by: str) -> dict[str, Any]:
        """Call a training run off.

        Raises:
            NotFoundError, ConflictError: there is no such run, or it does not run any more.
        """
        shown: dict[str, Any] = encode(self.training.cancel(job_id, by))
        return shown

    def promote(self, model: str, reference: str, by: str, why: str, *, unjudged: bool = False) -> Mapping[str, Any]:
        """Propose that a version (digest, number or alias; empty: the newest) becomes the champion."""
        version = self.registry.version(model, reference) if reference else self._newest(model)
        return _plan(self.promotion.promote(version, by, why, unjudged=unjudged))

    def move(self, model: str, alias: str, reference: str, by: str) -> Mapping[str, Any]:
        """Propose that an alias points to a version (digest, number or alias; empty: to none any more)."""
        version = self.registry.version(model, reference) if reference else None
        return _plan(self.promotion.move(model, alias, version, by))

    def rollback(self, model: str, by: str, why: str) -> Mapping[str, Any]:
        """Propose that the previous champion comes back; a rollout under way is ``stopped`` at once."""
        stopped, plan = self.promotion.rollback(model, by, why)
        return {"stopped": stopped, **(_plan(plan) if plan is not None else {})}

    def affected(self, incident_id: str, now: datetime, limit: int) -> dict[str, Any]:
        """The predictions that were made on bad inputs while an incident lasted, newest first.

        Raises:
            NotFoundError: there is no such incident.
        """
        incident = self.stream.incident(incident_id)
        if incident is None:
            raise NotFoundError(f"incident {incident_id}", "is not known")
        models, predictions = [], []
        for case in affected_models(self.stream.findings(ids=[m.finding for m in incident.members]), now):
            rows = self.predictions.affected(case.model, case.start, case.end, case.features, limit).to_pylist()
            total = rows[0]["total"] if rows else 0
            span = {"start": case.start.isoformat(), "end": case.end.isoformat()}
            models.append({"model": case.model, "features": sorted(case.features), "count": total, **span})
            predictions += [{**row, "model": case.model, "time": row["time"].isoformat()} for row in rows]
        return {"incident": incident_id, "models": models, "predictions": predictions}

    def deployments(self) -> list[dict[str, Any]]:
        """What the model server should serve."""
        return self.promotion.deployments()

    def _newest(self, model: str) -> ModelVersion:
        versions = self.registry.versions(model)
        if not versions:
            raise NotFoundError(f"model {model}", "has no version; `wellkept models train FOLDER` makes one")
        return versions[0]

    def _summary(self, model: str) -> dict[str, Any]:
        versions = self.registry.versions(model)
        champion = self.registry.alias(model, "champion")
        return {
            "name": model,
            "versions_count": len(versions),
            "champion": champion.number if champion else None,
            "metrics": dict(champion.metrics) if champion else {},
        }


def _plan(plan: Plan) -> dict[str, Any]:
    return {"plan": encode(plan), "id": plan.id, "hash": plan.hash}
