"""Training, wired: from a project folder to a registered version, by real worker processes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.app.running import until
from tests.ml.workshop import CONTRACT, LIGHTGBM, LOAD, NOON, Workshop, project

from wellkept.app.trainingorder import Order
from wellkept.kernel.errors import NotFoundError, TrainingError
from wellkept.kernel.verdict import Judgement
from wellkept.ml.reference import FILE, parse_reference
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, VersionState

OUTAGE = (NOON - timedelta(minutes=30), NOON - timedelta(minutes=15))
KEY = "pln-1:0"
ORIGIN = {"import.file": "model.onnx", "import.digest": "sha256:1"}

RAISES = LOAD + "\n    def train(frame):\n        raise ValueError('singular matrix')\n"
TALKS = "def load(window):\n    print('x' * 100_000, 'the end', flush=True)\n    raise SystemExit(3)\n"
WRONG = "import pyarrow as pa\n\ndef load(window):\n    return pa.table({'amount': [1.0]})\n"
EMPTY = (
    "import pyarrow as pa\n\ndef load(window):\n"
    "    nothing = pa.array([], pa.float64())\n"
    "    return pa.table({'amount': nothing, 'risk': nothing, 'label': nothing})\n"
)
KILLED = f"import os\n\ndef load(window):\n    os.kill(os.getpid(), {int(signal.SIGSEGV)})\n"
BROKEN = "def load(window:\n"


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    found = Workshop(tmp_path)
    yield found
    found.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, ModelVersion]]:
    """A version of a model that was imported once; it was trained once, an outage left out."""
    workshop = Workshop(tmp_path_factory.mktemp("trained"))
    details = {"project": str(project(workshop.folder / "project")), "origin": ORIGIN}
    workshop.registry.save_job(Job("job-import", "train", "model:fraud", "done", NOON, NOON, details))
    yield workshop, workshop.train(KEY, excluded=[OUTAGE])
    workshop.close()


Trained = tuple[Workshop, ModelVersion]


def test_a_version_is_numbered_judged_and_measured(trained: Trained) -> None:
    _, version = trained

    assert (version.number, version.model, version.format) == (1, "fraud", "onnx")
    assert version.state is VersionState.PASSED
    assert version.gate is not None
    assert version.gate.judgement is Judgement.PASS
    assert version.metrics.keys() == {"roc_auc", "average_precision"}


def test_its_lineage_says_what_it_came_from(trained: Trained) -> None:
    workshop, version = trained
    lineage = version.lineage

    assert lineage["window"] == "2026-11-24T11:00:00+00:00 to 2026-11-24T12:00:00+00:00"
    assert lineage["window.trained"] == "2026-11-24T11:00:00+00:00 to 2026-11-24T11:48:36+00:00"
    assert lineage["excluded"] == "2026-11-24T11:30:00+00:00 to 2026-11-24T11:45:00+00:00"
    assert (lineage["run"], lineage["parent"], lineage["estimator"]) == (KEY, "", "LogisticRegression")
    assert lineage["snapshot"] == version.snapshot
    assert workshop.artifacts.get_bytes(lineage["contract"]).decode() == CONTRACT
    assert lineage["rows"] == "224 trained on, 75 held out"
    assert {"library.scikit-learn", "library.onnxruntime"} <= lineage.keys()


def test_its_snapshot_is_kept_and_holds_no_row_of_the_outage(trained: Trained) -> None:
    workshop, version = trained
    table = workshop.artifacts.table(version.snapshot)

    times = [moment for moment in table["time"].to_pylist() if OUTAGE[0] <= moment <= OUTAGE[1]]
    assert (table.num_rows, times) == (299, [])
    assert workshop.shelf.asked == [("fraud", NOON - timedelta(hours=1), NOON)]


def test_its_artifact_holds_what_is_served_and_what_it_is_watched_by(trained: Trained) -> None:
    workshop, version = trained
    listing = workshop.artifacts.listing(version.artifact)

    assert listing.keys() == {"manifest.json", "model.onnx", FILE}
    assert parse_reference(workshop.artifacts.get_bytes(listing[FILE])).keys() == {"amount", "risk", ""}


def test_its_job_and_the_audit_log_tell_the_story(trained: Trained) -> None:
    workshop, version = trained
    job = workshop.job(KEY)

    assert (job.state, job.details["phase"], job.details["version"]) == ("done", "done", 1)
    assert job.details["digest"] == version.digest
    assert [check["name"] for check in job.details["checks"]] == [
        "schema",
        "held-out positives",
        "time order",
        "leakage",
        "shared rows",
        "roc_auc",
    ]
    assert workshop.audit.entries()[0].verb == "training.done"


def test_only_what_was_asked_and_printed_stays_in_the_work_folder(trained: Trained) -> None:
    workshop, _ = trained
    left = {path.suffix for path in workshop.folder.joinpath("training").rglob("*") if path.is_file()}

    assert left == {".json", ".log"}


def test_the_same_key_again_is_the_same_version(trained: Trained) -> None:
    workshop, version = trained
    asked = len(workshop.shelf.asked)

    assert workshop.train(KEY) == version
    assert len(workshop.shelf.asked) == asked


def test_a_challenger_is_compared_with_the_champion_on_the_same_rows(trained: Trained) -> None:
    workshop, first = trained
    workshop.registry.set_alias("fraud", CHAMPION, first.digest, expected=None, at=NOON, by="ada")
    gates = CONTRACT.replace("gates: [", "gates: [{versus_champion: roc_auc, margin: 0.5}, ")
    project(workshop.folder / "project", LOAD + LIGHTGBM, gates)

    second = workshop.train("pln-2:0", since=NOON - timedelta(minutes=10))

    assert (second.number, second.lineage["parent"], second.format) == (2, first.digest, "onnx")
    assert second.lineage["rows"].endswith("33 held out"), "the newer half of the rows since the world changed"
    assert second.state is VersionState.REFUSED, "nothing is better by so much"
    assert second.gate is not None
    assert "on the same 33 rows" in second.gate.sentence
    assert [version.number for version in workshop.registry.versions("fraud")] == [2, 1]


def test_a_retrain_of_an_import_says_where_the_model_is_from(trained: Trained) -> None:
    _, version = trained

    assert {name: version.lineage[name] for name in ORIGIN} == ORIGIN


def test_a_training_is_started_and_followed_as_a_job(workshop: Workshop) -> None:
    source = project(workshop.folder / "project", BROKEN)

    job = workshop.training.start(str(source), "ada")

    assert (job.state, job.kind, job.subject) == ("running", "train", "model:fraud")
    assert workshop.registry.contract("fraud") == CONTRACT
    done = until(lambda: _ended(workshop, job.id), "the training has ended")
    assert (done.state, done.details["phase"], done.details["project"]) == ("failed", "failed", str(source))
    assert [(entry.verb, entry.actor) for entry in workshop.audit.entries()] == [
        ("training.failed", "wellkept"),
        ("training.started", "ada"),
    ]


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_a_folder_that_is_no_project_starts_nothing(folder: str, workshop: Workshop) -> None:
    workshop.folder.joinpath("empty").mkdir()

    with pytest.raises(NotFoundError, match=r"model project .*: has no model\.yaml"):
        workshop.training.start(str(workshop.folder / folder), "ada")

    assert workshop.registry.jobs() == []
    assert workshop.audit.entries() == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (RAISES, ["train: ended with code 1", "Traceback", "ValueError: singular matrix"]),
        (TALKS, ["data: ended with code 3", "the end"]),
        (WRONG, ["data: load(window): must return a frame with every input and the label; missing, got 'risk'"]),
        (EMPTY, ["model fraud: load(window) returned no rows for the window"]),
        (KILLED, ["data: was ended by signal SIGSEGV"]),
        (BROKEN, ["data: ended with code 1", "SyntaxError"]),
    ],
    ids=["raises", "talks", "wrong columns", "no rows", "killed", "no python"],
)
def test_a_project_that_fails_is_a_failed_job_that_says_why(code: str, words: list[str], workshop: Workshop) -> None:
    workshop.known(project(workshop.folder / "project", code))

    with pytest.raises(TrainingError) as raised:
        workshop.train(KEY)

    job = workshop.job(KEY)
    assert (job.state, job.details["phase"]) == ("failed", "failed")
    for word in words:
        assert word in job.details["error"]
        assert word in str(raised.value)
    assert len(job.details["error"]) < 5000
    assert workshop.audit.entries()[0].verb == "training.failed"
    assert workshop.registry.versions("fraud") == []


def test_a_project_that_hangs_is_ended(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, timeout_s=2.0)
    hangs = "import time\n\ndef load(window):\n    time.sleep(600)\n"
    workshop.known(project(tmp_path / "project", hangs))

    with pytest.raises(TrainingError, match="data: was not done within 2 s"):
        workshop.train(KEY)

    assert workshop.job(KEY).state == "failed"
    workshop.close()


def test_a_surprise_in_our_own_code_is_a_failed_job_too(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    source = project(workshop.folder / "project")

    def fails(*_: object, **__: object) -> None:
        raise KeyError("no such key")

    monkeypatch.setattr(workshop.shelf, "window", fails)
    workshop.known(source)

    with pytest.raises(TrainingError, match=r"training of fraud: KeyError: 'no such key'"):
        workshop.train(KEY)
    job = workshop.training.start(str(source), "ada")

    done = until(lambda: _ended(workshop, job.id), "the training has ended")
    assert (done.state, done.details["error"]) == ("failed", "KeyError: 'no such key'")
    assert workshop.job(KEY).state == "failed"


def test_a_failed_key_may_be_tried_again(workshop: Workshop) -> None:
    workshop.known(project(workshop.folder / "project", BROKEN))
    with pytest.raises(TrainingError, match="SyntaxError"):
        workshop.train(KEY)
    project(workshop.folder / "project", WRONG)

    with pytest.raises(TrainingError, match="got 'risk'"):
        workshop.train(KEY)


def test_a_model_that_was_never_trained_here_is_named(workshop: Workshop) -> None:
    with pytest.raises(TrainingError, match="model churn was never trained from a project folder here"):
        workshop.train(KEY, name="churn")


def test_a_training_that_the_server_died_of_again_and_again_is_lost(workshop: Workshop) -> None:
    order = Order(project(workshop.folder / "project"), NOON - timedelta(hours=1), NOON).details()
    running = [
        Job("job-1", "train", "model:fraud", "running", NOON, details={**order, "phase": "train", "attempts": 3}),
        Job("pln-9:0", "retrain", "model:fraud", "running", NOON),
        Job("job-0", "train", "model:fraud", "done", NOON, NOON, {"version": 1}),
    ]
    for job in running:
        workshop.registry.save_job(job)
    left = workshop.folder / "training" / "job-1"
    left.mkdir(parents=True)
    left.joinpath("snapshot.parquet").touch()

    long_over = workshop.folder / "training" / "job-long-over"
    long_over.mkdir()

    workshop.runs().resume()

    assert not long_over.exists(), "of runs that nobody remembers no log is kept"
    lost = workshop.job("job-1")
    assert (lost.state, lost.ended_at) == ("lost", NOON)
    assert "the server ended 3 times while it ran, the last time in its phase train" in lost.details["error"]
    assert workshop.job("pln-9:0").state == "running", "its durable run resumes it"
    assert workshop.job("job-0").state == "done"
    assert [entry.verb for entry in workshop.audit.entries()] == ["training.lost"]
    assert not left.joinpath("snapshot.parquet").exists()


def test_logged_predictions_reach_the_project_without_the_outage(workshop: Workshop) -> None:
    times = [NOON - timedelta(minutes=minute) for minute in (40, 20, 10)]
    workshop.shelf.rows = [{"time": time, "label": 1.0, "features": {"amount": 1.0, "risk": 0.5}} for time in times]
    keeps = "def load(window):\n    window.predictions().to_pandas().to_json(window.logged.with_name('kept.json'))\n"
    workshop.known(project(workshop.folder / "project", keeps))

    with pytest.raises(TrainingError):
        workshop.train(KEY, excluded=[OUTAGE])

    kept = json.loads(workshop.folder.joinpath("training", "pln-1_0", "kept.json").read_text("utf-8"))
    assert kept["id"] == {"0": "0", "1": "2"}
    assert kept["risk"] == {"0": 0.5, "1": 0.5}


def _ended(workshop: Workshop, job: str) -> Job | None:
    found = workshop.registry.job(job)
    assert found is not None
    return found if found.state != "running" else None
