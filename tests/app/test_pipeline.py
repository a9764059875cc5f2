"""The pipeline of a training: what is done once, taken over, gone on with after a kill, limited and called off."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.app.running import until
from tests.ml.workshop import CONTRACT, LOAD, LOGISTIC, NOON, Workshop, project

from wellkept.app import pipeline, training
from wellkept.app.training import _page
from wellkept.kernel.errors import ConflictError, NotFoundError, TrainingError
from wellkept.kernel.finding import Severity
from wellkept.ml.contract import parse_contract
from wellkept.ml.evidence import Load, Parity, Served
from wellkept.ml.outcome import Outcome
from wellkept.ml.oversight import Limits
from wellkept.ml.provenance import environment, project_digest
from wellkept.ml.train.stage import training_request
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, VersionState

COUNTS = """
    from pathlib import Path as _Path

    def called(name):
        with _Path(__file__).parents[1].joinpath("calls").open("a") as calls:
            calls.write(name + "\\n")
"""
TALKS = """
    import time
    import wellkept

    def load(window):
        print("reading für you", flush=True)
        wellkept.progress(1, 4, "files", rows=12)
        time.sleep(600)
"""


def ended(workshop: Workshop, job: str) -> Job:
    until(lambda: workshop.job(job).state != "running", "the training has ended")
    return workshop.job(job)


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    found = Workshop(tmp_path)
    yield found
    found.close()


def test_the_same_inputs_again_are_taken_from_the_run_before(workshop: Workshop) -> None:
    source = project(workshop.folder / "project")
    workshop.known(source)
    first = workshop.train("pln-1:0")

    again = workshop.train("pln-2:0")

    assert again == first
    assert workshop.job("pln-2:0").details["taken"] == dict.fromkeys(("train", "evaluate", "register"), "pln-1:0")
    log = workshop.training.log("pln-2:0", 0)["text"]
    assert "-- train taken from pln-1:0: nothing that it depends on has changed" in log

    project(source, contract=CONTRACT.replace("risk team", "another team"))
    judged_anew = workshop.train("pln-3:0")
    assert workshop.job("pln-3:0").details["taken"] == {"train": "pln-1:0"}
    assert (judged_anew.number, judged_anew.artifact) == (2, first.artifact)

    job = workshop.training.start(str(source), "ada", fresh=True)
    done = ended(workshop, job.id)
    assert done.details["taken"] == {}
    fresh = workshop.registry.version("fraud", done.details["digest"])
    assert (fresh.number, fresh.artifact) == (3, first.artifact), "the same seed and data are the same bytes"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, ModelVersion]]:
    """A version of a seed of its own, whose training tells of its loss."""
    found = Workshop(tmp_path_factory.mktemp("seeded"))
    tells = LOGISTIC.replace(
        "def train(frame):", "def train(frame):\n        import wellkept\n        wellkept.progress(2, 2, loss=0.25)"
    )
    found.known(project(found.folder / "project", LOAD + tells, CONTRACT + "train: {seed: 7}\n"))
    yield found, found.train()
    found.close()


def test_another_seed_is_another_training_and_lineage_tells_of_it(seeded: tuple[Workshop, ModelVersion]) -> None:
    workshop, version = seeded
    lineage, source = version.lineage, workshop.folder / "project"

    assert lineage["seed"] == "7"
    assert lineage["code"] == project_digest(source, frozenset({source / "model.yaml"}))
    assert lineage["python"] == ".".join(str(part) for part in sys.version_info[:3])
    known = json.loads(workshop.artifacts.get_bytes(lineage["environment"]))
    assert known == environment()
    assert known["scikit-learn"]
    assert (lineage["executor"], "commit" in lineage) == ("local", False)

    requests = [training_request(parse_contract(f"{CONTRACT}train: {{seed: {seed}}}\n")) for seed in (7, 8)]
    assert requests[0] != requests[1], "the key of the step holds what the worker is told"


def test_a_run_that_is_killed_in_any_step_goes_on_where_it_was(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MOST_ATTEMPTS", 9)
    folder = workshop.folder
    counted = (COUNTS + LOAD + LOGISTIC).replace("def load(window):", "def load(window):\n        called('load')")
    counted = counted.replace("def train(frame):", "def train(frame):\n        called('train')")
    workshop.known(project(folder / "project"))
    champion = workshop.train("pln-0:0")
    workshop.registry.set_alias("fraud", CHAMPION, champion.digest, expected=None, at=NOON, by="ada")
    project(folder / "project", counted)
    cuts = [("train", "before"), ("evaluate", "after"), ("register", "before")]

    for phase, when in cuts:
        command = [sys.executable, "-m", "tests.app.dying", str(folder), phase, when]
        died = subprocess.run(command, capture_output=True, text=True, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert workshop.job().state == "running"
        assert workshop.registry.aliases("fraud") == {CHAMPION: champion.digest}, "what is served stays as it is"
        assert len(workshop.registry.versions("fraud")) == (2 if phase == "register" else 1)

    version = workshop.train()

    assert (version.number, version.state) == (2, VersionState.PASSED)
    assert [one.number for one in workshop.registry.versions("fraud")] == [2, 1], "registered once"
    assert folder.joinpath("calls").read_text().split() == ["load", "train", "train"], "no step was done needlessly"
    job = workshop.job()
    assert (job.state, job.details["attempts"], job.details["taken"]) == ("done", 4, {})
    assert "-- snapshot was done before the server ended" in workshop.training.log(job.id, 0)["text"]


def test_a_run_is_followed_while_it_runs_and_called_off(workshop: Workshop) -> None:
    source = project(workshop.folder / "project", TALKS)
    runs = workshop.training
    job = runs.start(str(source), "ada")
    told = until(lambda: (found := runs.log(job.id, 0))["progress"] and found, "it says how far it is")

    assert (told["state"], told["text"]) == ("running", "-- snapshot\nreading für you\n")
    assert told["next"] == len(told["text"].encode())
    said = told["progress"]
    assert (said["step"], said["done"], said["total"], said["note"]) == ("data", 1, 4, "files")
    assert said["values"] == {"rows": 12}

    runs.cancel(job.id, "eve")

    done = ended(workshop, job.id)
    assert done.state == "cancelled"
    assert done.details["error"].startswith("data: was cancelled by eve")
    assert [entry.verb for entry in workshop.audit.entries()][:2] == ["training.cancelled", "training.called_off"]
    with pytest.raises(ConflictError, match="does not run; its state is, got 'cancelled'"):
        runs.cancel(job.id, "eve")
    for verb in (lambda: runs.cancel("job-x", "eve"), lambda: runs.log("job-x", 0)):
        with pytest.raises(NotFoundError, match="job job-x"):
            verb()


def test_code_that_is_changed_between_two_steps_is_not_taken_for_what_it_was(workshop: Workshop) -> None:
    """Else its results would be kept under the old code's key, and the lineage would name the old code."""
    edits = """
        source = __import__("pathlib").Path(__file__)
        source.write_text(source.read_text() + "# edited")
    """
    code = (LOAD + LOGISTIC).replace(
        "        random = np.random.default_rng(3)", edits + "    random = np.random.default_rng(3)"
    )
    workshop.known(project(workshop.folder / "project", code))

    with pytest.raises(TrainingError, match=r"model\.py: was changed while the run was under way") as raised:
        workshop.train("pln-1:0")

    assert raised.value.cause == "code"
    assert [step["name"] for step in workshop.job("pln-1:0").details["steps"]] == ["snapshot"]


def test_a_load_that_was_not_kept_is_tried_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no property of the model: the next run measures anew, without training anew."""
    tight = CONTRACT.replace("at_least: 0.7}]", "at_least: 0.7}, {budget: {requests_per_s: 5, p99_ms: 1000}}]")
    workshop.known(project(workshop.folder / "project", contract=tight))
    tries: list[float] = []

    def served(_: object, __: str, ___: Path, outcome: Outcome) -> Outcome:
        tries.append(2000.0 if not tries else 5.0)
        load = Load(1, 5.0, 5.0, 15, 0, 1.0, tries[-1], [tries[-1]], 50.0, 0.9)
        return replace(outcome, served=Served(Parity(1, 0.0), (load,)))

    monkeypatch.setattr(pipeline, "tried_as_served", served)

    refused, passed, again = (workshop.train(f"pln-{number}:0") for number in (1, 2, 3))

    assert (refused.state, passed.state) == (VersionState.REFUSED, VersionState.PASSED)
    assert (passed.artifact, again) == (refused.artifact, passed)
    assert workshop.job("pln-2:0").details["taken"] == {"train": "pln-1:0"}
    assert tries == [2000.0, 5.0]


def test_a_run_that_waits_for_room_is_called_off_too(workshop: Workshop) -> None:
    source = project(workshop.folder / "project", TALKS)
    runs = workshop.runs(at_a_time=1)
    first = runs.start(str(source), "ada")
    until(lambda: runs.log(first.id, 0)["progress"], "the first one runs")
    workshop.clock.advance(timedelta(seconds=1))
    second = runs.start(str(source), "ada")
    until(lambda: second.id in runs._running, "the second one waits")

    for job in (second, first):
        runs.cancel(job.id, "eve")
        assert ended(workshop, job.id).state == "cancelled"

    assert "while it waited" in workshop.job(second.id).details["error"]


def test_a_failed_retrain_is_a_finding_until_one_succeeds(workshop: Workshop) -> None:
    source = project(workshop.folder / "project", "def load(window):\n    return 7\n")
    workshop.known(source)
    with pytest.raises(TrainingError):
        workshop.train("pln-1:0")
    job = workshop.training.start(str(source), "ada")
    ended(workshop, job.id)

    by_hand, unattended = sorted(workshop.stream.open_findings(), key=lambda finding: finding.severity)
    assert by_hand.severity is Severity.INFO, "who started it sees it"
    assert (unattended.severity, unattended.entity) == (Severity.WARNING, "pipeline:fraud/training")
    assert unattended.attributes["cause"] == "data"
    assert unattended.sentence.startswith(
        "A retraining of fraud failed: its data breaks the contract. data: load(window)"
    )
    assert workshop.topology.entity(unattended.entity) is not None

    project(source)
    workshop.train("pln-2:0")

    assert [finding.severity for finding in workshop.stream.open_findings()] == [Severity.INFO]


def test_curves_of_a_run_are_metrics_of_its_model(seeded: tuple[Workshop, ModelVersion]) -> None:
    (body,) = seeded[0].metrics
    request = ExportMetricsServiceRequest.FromString(body)
    (resource,) = request.resource_metrics
    (metric,) = resource.scope_metrics[0].metrics
    (point,) = metric.gauge.data_points
    assert {one.key: one.value.string_value for one in resource.resource.attributes} == {"wellkept.model.name": "fraud"}
    assert (metric.name, point.as_double) == ("wellkept.training.loss", 0.25)
    about = {one.key: one.value.string_value for one in point.attributes}
    assert about == {"wellkept.job.id": "pln-1:0", "wellkept.job.step": "train"}


def test_a_contract_may_ask_for_less_than_the_configuration_allows(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(100.0, memory_mb=1000)

    def limits(train: str) -> Limits:
        return pipeline.limits_of(parse_contract(f"{CONTRACT}train: {{{train}}}\n"))

    assert limits("seed: 1") == Limits(100.0, 1000, 1)
    assert limits("time_s: 5, memory_mb: 500, threads: 1") == Limits(5.0, 500, 1)
    assert limits("time_s: 500, memory_mb: 5000, threads: 9") == Limits(100.0, 1000, 1)


def test_a_training_that_takes_too_much_memory_says_limit_use_and_what_to_change(workshop: Workshop) -> None:
    hungry = "import time\n\ndef load(window):\n    held = b'x' * (200 << 20)\n    time.sleep(600)\n"
    workshop.known(project(workshop.folder / "project", hungry, CONTRACT + "train: {memory_mb: 150}\n"))

    with pytest.raises(
        TrainingError, match=r"data: took [0-9]+ MiB of memory, more than the 150 MiB allowed"
    ) as raised:
        workshop.train()

    assert raised.value.cause == "memory"
    assert "raise train.memory_mb in model.yaml" in workshop.job().details["error"]


def test_an_executor_that_is_not_configured_is_named(workshop: Workshop) -> None:
    workshop.known(project(workshop.folder / "project", contract=CONTRACT + "train: {executor: ray}\n"))

    with pytest.raises(TrainingError, match=r"train\.executor: ray is not configured here; set ml\.executor\.kind"):
        workshop.train()


def test_a_page_of_a_log_never_ends_within_a_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, text = tmp_path / "log", "aé€𝄞" * 7
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(training, "PAGE_BYTES", 5)

    read, after = "", 0
    while (page := _page(file, after))[0]:
        read, after = read + page[0], page[1]

    assert read == text
