"""Imports, wired: a finished model becomes a version, judged where there are rows to judge it on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
import yaml

from wellkept.app.projects import MOST_JOBS
from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.ml.contract import ModelContract, digest_of, parse_contract
from wellkept.ml.importing.derived import check_fits, derive
from wellkept.ml.importing.finished import ROWS, write_project
from wellkept.ml.importing.intake import TakenIn, look, open_pickle
from wellkept.ml.importing.source import PICKLE, Source, read_plain, read_source, source_of
from wellkept.ml.importing.trust import NEEDED, trust_plan
from wellkept.ml.importing.wanted import Wanted
from wellkept.ml.inputspec import check_trainable
from wellkept.ml.register.stage import register_unjudged
from wellkept.ml.releases import Releases
from wellkept.ml.signature import LINEAGE
from wellkept.spine.audit import Audit
from wellkept.spine.gate import Gate
from wellkept.spine.registry import CHAMPION, Job, Registry
from wellkept.store.artifacts.artifacts import Artifacts

ORIGIN = "import."
MLFLOW = "mlflow:"
LARGEST_ROWS = 1 << 32


class Training(Protocol):
    """Starts a training run of a project folder, for somebody; ``origin`` is part of the version's lineage."""

    def __call__(self, project: str, by: str, *, origin: Mapping[str, str]) -> Job: ...


class ModelImports:
    """Takes finished models in."""

    gate: Gate

    def __init__(
        self,
        registry: Registry,
        audit: Audit,
        artifacts: Artifacts,
        train: Training,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._registry, self._audit, self._artifacts = registry, audit, artifacts
        self._train, self._folder, self._clock = train, folder, clock
        self._releases = Releases(registry, artifacts)
        self.fetch: Callable[[str, str], Source] | None = None
        """Reads a version of MLflow's registry, where there is one."""

    def take(self, path: str, wanted: Wanted, *, trust: bool) -> dict[str, Any]:
        """See :class:`wellkept.ml.importing.wanted.Imports`."""
        self._check_data(wanted.data)
        source = self._source(path)
        if source.kind != PICKLE:
            return self.registered(source, look(source), wanted)
        if not trust:
            raise InputError(f"model {source.name}", NEEDED, source.digest)
        derive(wanted.model, wanted.by, {"width": 1, "inputs": [], "nullable": False, "task": "regression"}, "a check")
        self._artifacts.put_bytes(source.data)
        given = {"model": wanted.model, "file": source.name, "contract": wanted.contract, "data": wanted.data}
        plan = trust_plan(source.digest, {**given, "by": wanted.by}, self._clock.now(), wanted.by)
        self.gate.propose(plan)
        return {"plan": encode(plan), "id": plan.id, "hash": plan.hash}

    def _source(self, path: str) -> Source:
        """A file or folder, or ``mlflow:NAME/VERSION``."""
        if not path.startswith(MLFLOW):
            return read_source(Path(path).absolute())
        name, _, version = path.removeprefix(MLFLOW).rpartition("/")
        if self.fetch is None or not name:
            raise InputError("model", "must be mlflow:NAME/VERSION, and mlflow.mode must not be off", path)
        return self.fetch(name, version)

    def opened(self, digest: str, wanted: dict[str, str], key: str) -> str:
        """Open what was trusted (see :class:`wellkept.ml.importing.trust.Opening`)."""
        source = source_of(self._artifacts.get_bytes(digest), wanted["file"])
        if source.kind != PICKLE or source.digest != digest:
            raise InputError("trusted model", "must be the bytes that the approval names", digest)
        taken = open_pickle(source)
        plan = key.partition(":")[0]
        told = self.registered(
            source,
            taken,
            Wanted(wanted["model"], wanted.get("contract", ""), wanted.get("data", ""), wanted.get("by", ""), plan),
        )
        if "job" in told:
            return f"{wanted['file']} was opened; training run {told['job']['id']} judges what came out"
        return f"{wanted['file']} was opened, and is version {told['version']['number']} of {wanted['model']}"

    def is_kept(self, digest: str) -> bool:
        """Whether the bytes of a digest were handed in."""
        return self._artifacts.has(digest)

    def registered(
        self, source: Source, taken: TakenIn, wanted: Wanted, notes: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What was taken in, as a version that nobody has judged, or as the training run that judges it."""
        where = f"{source.name}, {source.kind}, {source.digest}"
        text = wanted.contract or derive(wanted.model, wanted.by, taken.told, where, source.inputs)
        contract = parse_contract(text, f"contract of {wanted.model}")
        check_fits(contract, wanted.model, taken.told)
        check_trainable(contract.name, contract.inputs)
        files = taken.files(list(contract.features))
        shown = {"contract": text, "format": taken.format, "note": taken.note}
        origin = {
            f"{ORIGIN}file": source.name,
            f"{ORIGIN}kind": source.kind,
            f"{ORIGIN}digest": source.digest,
            f"{ORIGIN}by": wanted.by,
            "approval": wanted.approval,
            f"{ORIGIN}not_confined": taken.not_confined,
            **source.notes,
            **(notes or {}),
        }
        if wanted.data:
            _check_columns(wanted.data, contract)
            return {**shown, "job": encode(self._judged(contract, files, origin, wanted))}
        now = self._clock.now()
        lineage = {
            "contract": self._artifacts.put_bytes(text.encode()),
            "estimator": str(taken.told["estimator"]),
            "format.note": taken.note,
            LINEAGE: self._changes(contract),
            **origin,
        }
        lineage = {name: value for name, value in lineage.items() if value}
        if self._registry.contract(wanted.model) is None:
            self._registry.save_contract(wanted.model, text, digest_of(text.encode()), now)
        version = register_unjudged(
            self._registry, wanted.model, self._artifacts.put_files(files), taken.format, lineage, now
        )
        what = {"version": version.number, "digest": version.digest, "file": source.digest, "approval": wanted.approval}
        self._audit.append(now, wanted.by, "model.imported", f"model:{wanted.model}", what)
        return {**shown, "version": encode(version)}

    def _judged(
        self, contract: ModelContract, files: dict[str, bytes], origin: Mapping[str, str], wanted: Wanted
    ) -> Job:
        """A project around the model, trained as any other: it is judged, gets a card, and is registered either way.

        An approval is for one run: where it has begun one, that is it, also when the server ended meanwhile.
        """
        body = contract.model_dump(mode="json", exclude_unset=True)
        body["data"] = {"history": ROWS}
        digest, moment = origin[f"{ORIGIN}digest"], wanted.approval or self._clock.now().isoformat()
        folder = self._folder / wanted.model / stable_id("import", wanted.model, digest, wanted.data, moment)
        for job in self._registry.jobs(f"model:{wanted.model}", limit=MOST_JOBS):
            if job.details.get("project") == str(folder):
                return job
        shutil.rmtree(folder, ignore_errors=True)
        text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110)
        parse_contract(text)
        write_project(folder, text, files, read_plain(Path(wanted.data).absolute(), LARGEST_ROWS))
        what = {"file": digest, "project": str(folder), "approval": wanted.approval}
        self._audit.append(self._clock.now(), wanted.by, "model.imported", f"model:{wanted.model}", what)
        return self._train(str(folder), wanted.by, origin=origin)

    def _changes(self, contract: ModelContract) -> str:
        champion = self._registry.alias(contract.name, CHAMPION)
        return self._releases.signature_changes(champion, contract) if champion is not None else ""

    def _check_data(self, data: str) -> None:
        """Rows must be a Parquet file.

        Raises:
            NotFoundError, InputError: they are not.
        """
        if not data:
            return
        if not Path(data).is_file():
            raise NotFoundError(f"data {data}", "is not a file on the server's machine")
        try:
            pq.read_schema(data)
        except (OSError, ValueError) as error:
            raise InputError(f"data {data}", f"must be a Parquet file: {str(error)[:200]}") from error


def _check_columns(data: str, contract: ModelContract) -> None:
    """The rows must have what the model takes.

    Raises:
        InputError: a column is missing.
    """
    there = set(pq.read_schema(data).names)
    missing = [name for name in (*contract.features, "label") if name not in there]
    if missing:
        rule = f"must have a column `label` and one for each input; missing are {', '.join(missing[:20])}"
        raise InputError(f"data {data}", rule)
