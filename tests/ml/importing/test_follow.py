"""Following MLflow: safe formats become versions here, a pickle waits for a decision, what is gone is said."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.importing import models
from tests.ml.workshop import NOON
from tests.mlflow_server import FakeMlflow, fake_mlflow
from tests.store.fixtures import state_in

from wellkept.kernel.clock import SettableClock
from wellkept.ml.contract import ModelContract
from wellkept.ml.importing import follow
from wellkept.ml.importing.follow import Follower, slug
from wellkept.ml.importing.intake import TakenIn
from wellkept.ml.importing.source import Source
from wellkept.ml.importing.wanted import Wanted
from wellkept.spine.registry import Registry
from wellkept.store.mlflow.client import MlflowClient, Upstream

NATIVE = b"flavors: {lightgbm: {data: model.lgb}}"
PICKLED = b"flavors: {sklearn: {pickled_model: model.pkl}}"


class Imports:
    """Notes what was to be registered."""

    def __init__(self) -> None:
        self.notes: dict[str, Mapping[str, str]] = {}

    def registered(
        self, source: Source, taken: TakenIn, wanted: Wanted, notes: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        self.notes[wanted.model] = notes or {}
        return {"version": {"number": len(self.notes)}}


class Scene:
    def __init__(self, folder: Path, mlflow: FakeMlflow) -> None:
        self.mlflow, self.imports = mlflow, Imports()
        self.state, self.client = state_in(folder), MlflowClient(mlflow.upstream)
        self.registry = Registry(self.state)
        self.follower = Follower(self.client, self.registry, self.imports, SettableClock(NOON))

    def states(self) -> dict[str, str]:
        self.follower.tick()
        return {f"{job.details['name']}/{job.details['version']}": job.state for job in self.follower.followed()}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(follow, "look", lambda source: TakenIn(source.kind, source.data, {}))
    with fake_mlflow() as mlflow:
        made = Scene(tmp_path, mlflow)
        yield made
        made.client.close()
        made.state.close()


def test_each_version_is_taken_in_once_and_a_pickle_waits_for_a_decision(scene: Scene) -> None:
    scene.mlflow.add("fraud", "1", MLmodel=NATIVE, model__lgb=models.lightgbm_text())
    scene.mlflow.add("churn", "1", MLmodel=PICKLED, model__pkl=pickle.dumps(models.logistic()))
    scene.mlflow.add("code", "1", MLmodel=b"flavors: {python_function: {loader_module: os}}")

    first = scene.states()

    assert first == {"fraud/1": "done", "churn/1": "needs a trust decision", "code/1": "not taken"}
    assert list(scene.imports.notes) == ["fraud"]
    notes = scene.imports.notes["fraud"]
    assert notes["mlflow.run_id"] == "r1"
    assert notes["mlflow.metric.auc"] == "0.9"
    asked = len(scene.mlflow.asked)
    assert scene.states() == first
    assert len(scene.mlflow.asked) == asked + 2, "the lists alone are read again"


def test_aliases_are_kept_in_step_and_what_is_deleted_is_said(scene: Scene) -> None:
    scene.mlflow.add("fraud", "1", MLmodel=NATIVE, model__lgb=models.lightgbm_text())
    scene.states()
    scene.mlflow.aliases["fraud"]["champion"] = "1"
    scene.follower.tick()

    assert scene.follower.followed()[0].details["aliases"] == ["champion"]

    version = scene.mlflow.versions.pop(("fraud", "1"))
    assert scene.states() == {"fraud/1": "gone from MLflow"}
    scene.mlflow.versions["fraud", "1"] = version
    assert scene.states() == {"fraud/1": "done"}


def test_a_model_of_ours_keeps_its_name_to_itself(scene: Scene) -> None:
    scene.registry.save_contract("fraud", "ours", "sha256:1", NOON)
    scene.mlflow.add("fraud", "1", MLmodel=NATIVE, model__lgb=models.lightgbm_text())

    scene.states()

    assert list(scene.imports.notes) == ["fraud-mlflow"]


def test_a_version_that_mlflow_cannot_read_keeps_back_no_other(scene: Scene) -> None:
    for name in ("a", "b", "c", "d", "e", "f"):
        scene.mlflow.add(name, "1", MLmodel=NATIVE, model__lgb=models.lightgbm_text())
    scene.mlflow.broken = {(name, "1") for name in ("a", "b", "c", "d", "e")}

    assert scene.states() == {}, "it is tried again"
    scene.mlflow.broken.discard(("a", "1"))
    assert scene.states() == {"a/1": "done"}
    states = [scene.states() for _ in range(follow.MOST_TRIES)][-1]

    assert {name for name, state in states.items() if state == "not taken"} == {"b/1", "c/1", "d/1", "e/1"}
    assert (states["a/1"], states["f/1"]) == ("done", "done")
    job = next(job for job in scene.follower.followed() if job.details["name"] == "b")
    assert "MLflow answered 500" in job.details["sentence"]


def test_nothing_is_gone_while_mlflow_is_away(scene: Scene, tmp_path: Path) -> None:
    scene.mlflow.add("fraud", "1", MLmodel=NATIVE, model__lgb=models.lightgbm_text())
    before = scene.states()
    away = MlflowClient(Upstream("http://127.0.0.1:9"))

    Follower(away, scene.registry, scene.imports, SettableClock(NOON)).tick()
    away.close()

    assert [job.state for job in scene.follower.followed()] == list(before.values())


@given(st.text(min_size=1, max_size=100))
def test_any_name_of_mlflow_becomes_a_name_of_ours(name: str) -> None:
    ours = slug(name)

    text = f"{{name: '{ours}', owner: a, task: regression, inputs: [{{name: a}}], metrics: {{primary: mae}}}}"
    from wellkept.ml.contract import parse_contract

    contract: ModelContract = parse_contract(text)
    assert contract.name == ours
    assert slug(name) == ours
