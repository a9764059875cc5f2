"""Keeping in step with MLflow's registry: its versions become versions of ours where their format is safe.

MLflow's webhooks may be lost, so its list is read again and again; what became of each version is a job.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import NotFoundError, StoreError, WellkeptError
from wellkept.ml.importing.intake import TakenIn, look
from wellkept.ml.importing.source import LARGEST, LARGEST_MLMODEL, MLMODEL, PICKLE, Source, mlmodel_of, source_of
from wellkept.ml.importing.wanted import Wanted
from wellkept.spine.registry import Job, Registry
from wellkept.store.mlflow.client import MlflowClient, MlflowVersion

KIND = "mlflow"
AT_ONCE = 5
"""So many new versions are taken in at a time."""
MOST_NOTES = 50
MOST_TRIES = 5
"""So often MLflow may fail to give a version's files while it gives its lists."""
TAKEN, TRUST, NOT_TAKEN, GONE = "done", "needs a trust decision", "not taken", "gone from MLflow"


class Registering(Protocol):
    """Registers what was taken in."""

    def registered(
        self, source: Source, taken: TakenIn, wanted: Wanted, notes: Mapping[str, str] | None = None
    ) -> dict[str, Any]: ...


class Follower:
    """Follows one MLflow server."""

    def __init__(self, client: MlflowClient, registry: Registry, imports: Registering, clock: Clock) -> None:
        self._client, self._registry, self._imports, self._clock = client, registry, imports, clock
        self._failed: Counter[str] = Counter()

    def tick(self) -> None:
        """Look once. While MLflow does not answer nothing is known, so nothing changes."""
        seen, new = set(), 0
        try:
            found, models = list(self._client.versions()), self._client.models()
        except StoreError:
            return
        for version in found:
            job_id = job_of(version)
            seen.add(job_id)
            aliases = sorted(
                alias for alias, number in models.get(version.name, {}).items() if number == version.version
            )
            known = self._registry.job(job_id)
            if known is None and new < AT_ONCE:
                new += 1
                known = self._taken(job_id, version)
            if known is not None and (known.state == GONE or known.details.get("aliases") != aliases):
                state = known.details.get("was", known.state) if known.state == GONE else known.state
                self._registry.save_job(replace(known, state=state, details={**known.details, "aliases": aliases}))
        for job in self.followed():
            if job.id not in seen and job.state != GONE:
                self._registry.save_job(replace(job, state=GONE, details={**job.details, "was": job.state}))

    def followed(self) -> list[Job]:
        """What became of each version, newest first."""
        return [job for job in self._registry.jobs(f"{KIND}:registry", limit=10_000) if job.kind == KIND]

    def source(self, name: str, version: str) -> Source:
        """The bytes of a version's model.

        Raises:
            NotFoundError, InputError, TooLargeError, StoreError: there is none that could be taken in.
        """
        file, inputs, notes = mlmodel_of(self._client.artifact(name, version, MLMODEL, LARGEST_MLMODEL))
        return source_of(self._client.artifact(name, version, file, LARGEST), file, inputs, notes)

    def _taken(self, job_id: str, version: MlflowVersion) -> Job | None:
        """What became of a version; None where MLflow could not give it now."""
        began = self._clock.now()
        details: dict[str, Any] = {
            "name": version.name,
            "version": version.version,
            "source": version.source,
        }
        try:
            source = self.source(version.name, version.version)
            if source.kind == PICKLE:
                what = f"wellkept models import mlflow:{version.name}/{version.version} --name NAME --trust"
                state, more = TRUST, {"sentence": f"it is a pickle; `{what}` asks for it", "digest": source.digest}
            else:
                wanted = Wanted(self._name(version.name), by="mlflow")
                told = self._imports.registered(source, look(source), wanted, self._notes(version))
                state, more = TAKEN, {"model": wanted.model, "number": told["version"]["number"]}
        except StoreError as error:
            # MLflow also answers so about a version whose files are gone. It must not keep back those behind it.
            self._failed[job_id] += 1
            if self._failed[job_id] < MOST_TRIES:
                return None
            words = (
                f"{str(error)[:400]}, {MOST_TRIES} times; `wellkept models import mlflow:NAME/VERSION` tries it again"
            )
            state, more = NOT_TAKEN, {"sentence": words}
        except WellkeptError as error:
            state, more = NOT_TAKEN, {"sentence": str(error)[:500]}
        self._failed.pop(job_id, None)
        ended = self._clock.now()
        return Job(job_id, KIND, f"{KIND}:registry", state, began, ended, {**details, **more})

    def _notes(self, version: MlflowVersion) -> dict[str, str]:
        """What MLflow knows of a version, for its lineage; its metrics are its own word, not a judgement of ours."""
        notes = {
            "mlflow.name": version.name,
            "mlflow.version": version.version,
            "mlflow.run_id": version.run_id,
            "mlflow.source": version.source,
        }
        found = [(f"mlflow.tag.{key}", value) for key, value in version.tags.items()]
        if version.run_id:
            try:
                data = self._client.run(version.run_id).get("data", {})
            except NotFoundError:
                data = {}
            found += [(f"mlflow.metric.{one['key']}", str(one.get("value", ""))) for one in data.get("metrics", [])]
            found += [(f"mlflow.param.{one['key']}", str(one.get("value", ""))) for one in data.get("params", [])]
        return {**notes, **{key[:200]: value[:500] for key, value in found[:MOST_NOTES]}}

    def _name(self, name: str) -> str:
        """The model's name here: its own where that can be, and never that of a model which is not from MLflow."""
        ours = slug(name)
        versions = self._registry.versions(ours)
        is_same = any(version.lineage.get("mlflow.name") == name for version in versions)
        return ours if is_same or self._registry.contract(ours) is None else f"{ours[:56]}-mlflow"


def job_of(version: MlflowVersion) -> str:
    """The id of the job of a version; one that was deleted and made anew under its number is another."""
    return stable_id("mlf", version.name, version.version, version.source, str(version.created_ms))


def slug(name: str) -> str:
    """A name of MLflow as one of ours; where it had to change, a piece of its hash keeps two apart."""
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        return name
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    plain = plain if plain[:1].isalpha() else f"m-{plain}".rstrip("-")
    return f"{plain[:50]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
