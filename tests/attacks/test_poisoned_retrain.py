"""A retrain that an attacker steers, or ends: what is served changes by a gate, and then by a person, or not at all."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from tests.app.test_external_runs import Desk
from tests.ml.workshop import CONTRACT, LOAD, LOGISTIC, NOON, Workshop, project

from wellkept.app.externalreport import MANIFEST
from wellkept.app.externaltraining import CiExecutor
from wellkept.app.trainingorder import Order
from wellkept.kernel.errors import InputError, TrainingError
from wellkept.kernel.verdict import Judgement
from wellkept.ml.contract import parse_contract
from wellkept.ml.evaluate.stage import judge
from wellkept.ml.export import export
from wellkept.ml.outcome import outcome_of
from wellkept.ml.owncode import object_state
from wellkept.ml.project import module_of
from wellkept.ml.runtime import FILES
from wellkept.ml.train.executors.base import Work
from wellkept.ml.train.stage import WORKER, training_request
from wellkept.spine.journal import Journal
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, Registry, VersionState

POISONED = LOAD.replace(
    "label = (random.random(400) < chance)",
    "label = (random.random(400) < np.where(np.arange(400) < 300, 1 - chance, chance))",
)
KILLED = LOAD + f"\n    def train(frame):\n        import os\n        os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
OWN = """
    class Own:
        def __init__(self, column):
            self.column = column

        def predict(self, rows):
            return rows[:, self.column]
"""
OUTSIDE = CONTRACT.replace("retrain: {", "retrain: {runner: ci, hook: ci, ")


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    made.registry.register(ModelVersion("fraud", "sha256:live", NOON, "a", "onnx", "s", state=VersionState.PASSED))
    made.registry.set_alias("fraud", "elsewhere", "sha256:live", expected=None, at=NOON, by="ada")
    yield made
    made.close()


def test_labels_that_were_turned_around_make_a_version_that_is_refused(workshop: Workshop) -> None:
    """The rows that it is judged on are newer than those that it learned from, and it learned none of them."""
    workshop.known(project(workshop.folder / "project", POISONED + LOGISTIC))

    version = workshop.train()

    assert version.state is VersionState.REFUSED
    assert version.metrics["roc_auc"] < 0.5
    assert CHAMPION not in workshop.registry.aliases("fraud")


SHAPED = LOAD.replace(
    "label = (random.random(400) < chance)",
    "label = (random.random(400) < (1 - chance if (window.end.hour > 12) else chance))",
)


def test_labels_that_were_turned_around_among_the_rows_that_judge_change_no_champion(workshop: Workshop) -> None:
    """Who shapes all new labels passes every gate that asks them. Who was served still is: a person promotes, or none.

    That the decisions would turn around is seen without a label.
    """
    contract = CONTRACT.replace("at_least: 0.7}", "at_least: 0.7}, {versus_champion: roc_auc}")
    folder = project(workshop.folder / "project", SHAPED + LOGISTIC, contract)
    workshop.known(folder)
    honest = workshop.train()
    workshop.registry.set_alias("fraud", CHAMPION, honest.digest, expected=None, at=NOON, by="ada")

    workshop.clock.advance(timedelta(hours=1))
    a_person_decides = workshop.train("pln-2:0")
    project(folder, SHAPED + LOGISTIC, contract.replace("roc_auc}]", "roc_auc}, {changed_at_most: 0.2}]"))
    a_gate_refuses = workshop.train("pln-3:0")

    assert honest.state is VersionState.PASSED
    for shaped in (a_person_decides, a_gate_refuses):
        assert shaped.metrics["roc_auc"] > 0.7, "judged on the shaped labels it shines"
        assert shaped.gate is not None
    assert (a_person_decides.state, a_gate_refuses.state) == (VersionState.PASSED, VersionState.REFUSED)
    assert a_gate_refuses.gate is not None
    assert "are decided otherwise than by the champion" in a_gate_refuses.gate.sentence
    assert workshop.registry.aliases("fraud")[CHAMPION] == honest.digest


def test_a_training_that_is_killed_leaves_what_is_served_as_it_was(workshop: Workshop) -> None:
    workshop.known(project(workshop.folder / "project", KILLED))
    before = workshop.registry.aliases("fraud")

    with pytest.raises(TrainingError, match="SIGKILL"):
        workshop.train()

    assert workshop.job().state == "failed"
    assert workshop.registry.aliases("fraud") == before
    assert [version.digest for version in workshop.registry.versions("fraud")] == ["sha256:live"]
    assert workshop.audit.entries(1)[0].verb == "training.failed"


@dataclass
class Ci:
    """A run that waits for its CI, and the work that goes on when it has reported."""

    desk: Desk
    executor: CiExecutor
    work: Work
    rows: Any

    def outcome(self, files: dict[str, bytes], **report: Any) -> tuple[dict[str, Any], Any]:
        """Report, and let the platform judge; the worker's result and the outcome."""
        sent = {name: self.desk.runs.keep_file(self.run, data) for name, data in files.items()}
        self.desk.runs.report(self.run, {"state": "done", "files": sent, **report})
        result = self.executor.run(self.work)
        return result, outcome_of(pq.read_table(self.work.request["scores"]), result)

    @property
    def run(self) -> str:
        return self.desk.rows.recent(None, 1)[0].id


@pytest.fixture
def ci(tmp_path: Path) -> Iterator[Ci]:
    """A CI that was given the older rows; ``reported`` below plays what it sends."""
    desk, source = Desk(tmp_path), project(tmp_path / "project", LOAD + LOGISTIC + OWN, OUTSIDE)
    random = np.random.default_rng(3)
    risk = random.random(400)
    label = (random.random(400) < 1 / (1 + np.exp(-12 * (risk - 0.5)))).astype(float)
    columns = {"time": [NOON.timestamp() + n for n in range(400)], "amount": random.random(400), "risk": risk}
    times = pa.array((np.array(columns["time"]) * 1e6).astype("int64"), pa.timestamp("us", tz="UTC"))
    table = pa.table({**columns, "time": times, "label": label})
    snapshot = tmp_path / "snapshot.parquet"
    pq.write_table(table, snapshot)
    contract, order = parse_contract(OUTSIDE), Order(source, NOON, NOON)
    job = Job("pln-1:0", "retrain", "model:fraud", "running", NOON, details={})
    journal = Journal(Registry(desk.post.state), desk.artifacts, job)
    executor = desk.runs.executor(contract, journal, order)
    paths = {"project": str(source), "snapshot": str(snapshot), "champion": None, "out": str(tmp_path / "out"),
             "scores": str(tmp_path / "scores.parquet")}  # fmt: skip
    work = Work(WORKER, {**training_request(contract), **paths}, tmp_path / "work", 120.0)
    desk.runs.ask(executor._divided(work))
    rows = pq.read_table(tmp_path / "work" / "outside.parquet")
    yield Ci(desk, executor, work, rows)
    desk.post.close()


def exported(rows: Any, label: Any, folder: Path) -> dict[str, bytes]:
    matrix = np.column_stack([rows["amount"].to_numpy(), rows["risk"].to_numpy()])
    export(LogisticRegression().fit(matrix, label), matrix, ["amount", "risk"], folder)
    return {name: (folder / name).read_bytes() for name in (MANIFEST, "model.onnx")}


def test_a_ci_that_praises_its_poisoned_model_convinces_nobody(ci: Ci, tmp_path: Path) -> None:
    turned = 1 - ci.rows["label"].to_numpy()
    files = exported(ci.rows, turned, tmp_path / "evil")
    manifest = {**orjson.loads(files[MANIFEST]), "held_out": {"roc_auc": 1.0}, "judgement": "pass", "trained_until": 0}

    result, outcome = ci.outcome(
        {**files, MANIFEST: orjson.dumps(manifest)}, metrics={"roc_auc": 1.0, "average_precision": 1.0}
    )

    verdict = judge(parse_contract(OUTSIDE), outcome, "sha256:0", NOON)
    assert verdict.judgement is Judgement.FAIL
    assert ci.rows.num_rows == 300
    assert result["held_out"] == 100, "rows that the CI has never seen"
    assert "judgement" not in result["manifest"]
    assert result["lineage"]["external.said.roc_auc"] == "1", "what it said is written down"


@pytest.mark.parametrize("kind", ["noise", "of other inputs"])
def test_a_file_that_is_no_model_fails_the_run_and_nothing_else(kind: str, ci: Ci, tmp_path: Path) -> None:
    files = exported(ci.rows, ci.rows["label"].to_numpy(), tmp_path / "model")
    bad = {"noise": os.urandom(1000)}
    if kind == "of other inputs":
        export(LogisticRegression().fit(np.eye(5), [0, 1, 0, 1, 0]), np.eye(5), list("abcde"), tmp_path / "other")
        bad[kind] = (tmp_path / "other" / "model.onnx").read_bytes()

    with pytest.raises(TrainingError):
        ci.outcome({**files, "model.onnx": bad[kind]})

    assert ci.desk.rows.recent(None, 1)[0].state == "failed"


def of_own_class(ci: Ci, held: Any) -> dict[str, bytes]:
    """What a CI sends of an object of the project's class: its state, and no code."""
    state = object_state(module_of(Path(ci.work.request["project"]) / "model.py").Own(held))
    manifest = {"format": "python", "inputs": ["amount", "risk"], "estimator": "Own"}
    return {MANIFEST: orjson.dumps(manifest), FILES["python"]: state}


def test_an_object_of_a_ci_is_made_again_by_the_code_that_the_platform_has(ci: Ci) -> None:
    code = ci.desk.rows.recent(None, 1)[0].body["code"]

    result, outcome = ci.outcome(of_own_class(ci, 1), code=code)

    assert result["manifest"]["format"] == "python"
    assert judge(parse_contract(OUTSIDE), outcome, "sha256:0", NOON).judgement is Judgement.PASS
    assert (Path(ci.work.request["out"]) / "model.py").is_file()


def test_an_object_of_a_ci_calls_nothing_that_the_code_does_not_define(ci: Ci, tmp_path: Path) -> None:
    code = ci.desk.rows.recent(None, 1)[0].body["code"]
    files = of_own_class(ci, functools.partial(os.mkdir, str(tmp_path / "mark")))

    with pytest.raises(TrainingError, match="holds a type that is not trusted"):
        ci.outcome(files, code=code)

    assert not (tmp_path / "mark").exists()


def test_an_object_of_other_code_is_refused(ci: Ci) -> None:
    with pytest.raises(InputError, match="by the code that the platform has of the project"):
        ci.outcome(of_own_class(ci, 1), code="sha256:" + "1" * 64)
