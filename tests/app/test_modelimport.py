"""A finished model, handed to a real server: unjudged, judged, refused, or trusted by who approved its bytes."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.app.running import Running, running, until
from tests.ml.importing import models
from tests.ml.workshop import NOON
from tests.store.fixtures import state_in

from wellkept.app.modelimport import ModelImports
from wellkept.app.projects import project_of
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError
from wellkept.ml.importing.intake import TakenIn
from wellkept.ml.importing.source import source_of
from wellkept.ml.importing.wanted import Wanted
from wellkept.spine.audit import Audit
from wellkept.spine.registry import Job, Registry
from wellkept.store.artifacts.artifacts import Artifacts


class Scene:
    """Imports on a store of their own; a training is only noted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SettableClock(NOON)
        self.state = state_in(folder / "state")
        self.registry, self.artifacts = Registry(self.state), Artifacts(str(folder / "artifacts"))
        self.begun: list[Job] = []

    def imports(self) -> ModelImports:
        audit = Audit(self.state)
        return ModelImports(self.registry, audit, self.artifacts, self._train, self.folder / "imports", self.clock)

    def _train(self, project: str, by: str, *, origin: Mapping[str, str]) -> Job:
        details = {"project": project, "by": by, "origin": dict(origin)}
        job = Job(f"job-{len(self.begun)}", "train", "model:fraud", "running", self.clock.now(), details=details)
        self.registry.save_job(job)
        self.begun.append(job)
        return job


def test_a_trusted_import_that_was_cut_off_begins_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, file = Scene(tmp_path), models.lightgbm_text()
    told = {"task": "binary_classification", "width": 2, "inputs": ["amount", "risk"]}
    told |= {"nullable": True, "classes": [], "estimator": "Booster"}
    taken = TakenIn("lightgbm", file, told)
    monkeypatch.setattr("wellkept.app.modelimport.open_pickle", lambda _: taken)
    data = pickle.dumps({"a": "model"})
    digest = scene.artifacts.put_bytes(data)
    wanted = {"model": "fraud", "file": "model.pkl", "data": str(rows(tmp_path / "rows.parquet")), "by": "bob"}

    sentences = []
    for _ in range(2):
        scene.clock.advance(timedelta(seconds=60))
        sentences.append(scene.imports().opened(digest, dict(wanted), "pln-1:0"))
    other = scene.imports().opened(digest, dict(wanted), "pln-2:0")
    scene.state.close()

    assert sentences[0] == sentences[1]
    assert len(scene.begun) == 2, "one for each approval"
    assert "job-1" in other
    origin = scene.begun[0].details["origin"]
    assert (origin["import.digest"], origin["approval"], origin["import.kind"]) == (digest, "pln-1", "pickle")


def test_rows_without_what_the_model_takes_are_refused_before_a_training(tmp_path: Path) -> None:
    scene, source = Scene(tmp_path), source_of(models.lightgbm_text(), "model.txt")
    told = {"task": "binary_classification", "width": 2, "inputs": ["amount", "risk"]}
    taken = TakenIn("lightgbm", source.data, {**told, "nullable": True, "classes": [], "estimator": "Booster"})
    data = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"amount": [1.0]}), data)

    with pytest.raises(InputError, match="missing are risk, label"):
        scene.imports().registered(source, taken, Wanted("fraud", data=str(data)))
    scene.state.close()
    assert scene.begun == []


def test_a_judged_import_does_not_take_the_place_of_the_code_that_a_model_is_trained_by(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    registry = Registry(state)
    assert project_of(registry, "fraud") is None

    def job(name: str, minute: int, **details: Any) -> None:
        moment = NOON + timedelta(minutes=minute)
        registry.save_job(Job(name, "train", "model:fraud", "done", moment, details=details))

    job("import-1", 0, project="/imports/1", origin={"import.digest": "sha256:1"})
    assert project_of(registry, "fraud") == Path("/imports/1"), "nothing else is known"
    job("train-1", 1, project="/home/ada/fraud", origin={})
    job("import-2", 2, project="/imports/2", origin={"import.digest": "sha256:2"})
    for minute in range(3, 403):
        job(f"skew-{minute}", minute)
    found = project_of(registry, "fraud")
    state.close()

    assert found == Path("/home/ada/fraud")


def rows(path: Path) -> Path:
    """Rows with their label that the models have not seen."""
    random = np.random.default_rng(3)
    amount, risk = random.random(800), random.random(800)
    label = (risk + random.normal(0, 0.1, 800) > 0.5).astype(float)
    time = pa.array(np.arange(800) * 60_000, pa.timestamp("ms", tz="UTC"))
    pq.write_table(pa.table({"time": time, "amount": amount, "risk": risk, "label": label}), path)
    return path


def approved(server: Running, plan: dict[str, Any]) -> str:
    """The outcome of a plan that is approved, in a sentence."""
    opinion = {"hash": plan["hash"], "by": "ada", "why": "a test"}
    server.client.post(f"/api/v1/plans/{plan['id']}/approve", opinion)

    def settled() -> str | None:
        record = server.client.get(f"/api/v1/plans/{plan['id']}")
        return record["results"][0]["sentence"] if record["state"] == "succeeded" else None

    return until(settled, f"plan {plan['id']} succeeds")


def taken(server: Running, path: Path, name: str, **more: Any) -> dict[str, Any]:
    """The answer to an import."""
    answer: dict[str, Any] = server.client.post(
        "/api/v1/models/import", {"path": str(path), "name": name, "by": "bob", **more}, 120.0
    )
    return answer


def test_a_finished_model_becomes_a_version(tmp_path: Path) -> None:
    native, pickled = tmp_path / "model.txt", tmp_path / "model.pkl"
    native.write_bytes(models.lightgbm_text())
    pickled.write_bytes(pickle.dumps(models.logistic()))
    contract = (
        "{name: fraud, owner: ada, task: binary_classification, inputs: [{name: amount}, {name: risk}],"
        " metrics: {primary: roc_auc}, gates: [{metric: roc_auc, at_least: 0.7}]}"
    )
    with running(tmp_path / "data", ["--no-agent"]) as server:
        told = server.ask("models", "import", str(native), "--name", "score")
        with pytest.raises(InputError, match="never judged"):
            server.client.post("/api/v1/models/score/promote", {"by": "bob"})
        meant = server.client.post("/api/v1/models/score/promote", {"by": "bob", "unjudged": True})
        approved(server, meant)
        deployed = server.client.get("/api/v1/deployments")["deployments"]
        history = server.client.get("/api/v1/models/score")["history"]

        given = {"contract": contract, "data": str(rows(tmp_path / "rows.parquet"))}
        judged = taken(server, native, "fraud", **given)["job"]
        until(lambda: server.client.get(f"/api/v1/jobs/{judged['id']}")["job"]["state"] == "done", "it is judged")
        passed = server.client.get("/api/v1/models/fraud")["versions"][0]
        with pytest.raises(InputError, match="number 2 is 'risk'"):
            taken(server, native, "fraud", contract=contract.replace("risk", "chance"))

        refused = server.ask("models", "import", str(pickled), "--name", "score2")
        trusted = taken(server, pickled, "score2", trust=True)
        sentence = approved(server, trusted)
        version = server.client.get("/api/v1/models/score2")["versions"][0]
        kept = {path.name for path in (tmp_path / "data" / "artifacts").rglob("*") if path.is_file()}
        entries = server.client.get("/api/v1/audit", subject="model:score2")["entries"]

    assert told.returncode == 0, told.stderr
    assert "name: amount" in told.stdout
    assert "version 1 of score (lightgbm): unjudged" in told.stdout
    assert "which nobody has judged" in meant["plan"]["title"]
    assert deployed[0]["model"] == "score"
    assert history[0]["plan"] == meant["id"]
    assert history[0]["approved_by"] == "ada"

    assert passed["state"] == "passed"
    assert passed["metrics"]["roc_auc"] > 0.9
    assert (passed["lineage"]["import.file"], passed["lineage"]["import.by"]) == ("model.txt", "bob")
    assert passed["lineage"]["import.digest"].startswith("sha256:")

    assert refused.returncode != 0
    assert "--trust" in refused.stderr
    digest = trusted["plan"]["actions"][0]["arguments"]["digest"]
    assert "version 1 of score2" in sentence
    assert (version["format"], version["state"]) == ("onnx", "unjudged")
    assert version["lineage"]["approval"] == trusted["id"]
    assert version["lineage"]["import.digest"] == digest
    assert digest not in version["artifact"]
    assert digest.removeprefix("sha256:")[2:] in kept, "the bytes that were trusted are kept as evidence"
    assert entries[0]["details"]["approval"] == trusted["id"]
