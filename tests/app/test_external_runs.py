"""Runs of an external CI: who may say what of them, until when, and what of a report is believed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app.running import until
from tests.spine.webhooks.post import NOON, Post

from wellkept.app.externalreport import MANIFEST
from wellkept.app.externaltraining import MOST_FILES, ExternalRuns
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError, TrainingError
from wellkept.ml.oversight import Limits, Oversight
from wellkept.spine.action import Interrupted
from wellkept.spine.webhooks.runtoken import RunTokens
from wellkept.spine.webhooks.send import Answer
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.externalruns import WAITING, ExternalRun, ExternalRunRows

CI = {"name": "ci", "url": "https://ci.example/hooks", "secret_env": "ALL", "events": ["webhook.test"]}
TOKEN = "the-platforms-token"
DIGEST = "sha256:" + "0" * 64


class Desk:
    """The runs on a state store, with a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.post = Post(folder, CI)
        self.artifacts, self.clock = Artifacts(str(folder / "artifacts")), self.post.clock
        self.rows, self.tokens = ExternalRunRows(self.post.state), RunTokens(TOKEN, self.clock)
        self.runs = self.new_runs()

    def new_runs(self) -> ExternalRuns:
        """What a process that starts has."""
        return ExternalRuns(
            self.rows, self.artifacts, self.post.outbox, self.tokens, self.post.audit, self.clock,
            lambda: "http://127.0.0.1:7460",
        )  # fmt: skip

    def opened(self, **body: Any) -> ExternalRun:
        known = {"run": "run-1", "model": "fraud", "hook": "ci", "rows": self.artifacts.put_bytes(b"rows"),
                 "inputs": ["a", "b"], "columns": [], "code": DIGEST, **body}  # fmt: skip
        run = ExternalRun("run-1", "fraud", WAITING, NOON, NOON + timedelta(hours=6), known)
        return self.runs.ask(run)

    def report(self, manifest: Mapping[str, Any] | bytes | None = None, **changes: Any) -> dict[str, Any]:
        """A report on a model in ONNX, with changes."""
        told = manifest if isinstance(manifest, bytes) else json.dumps({**RIGHT, **(manifest or {})}).encode()
        files = {MANIFEST: self.artifacts.put_bytes(told), "model.onnx": self.artifacts.put_bytes(b"model")}
        return {"state": "done", "files": files, **changes}


RIGHT = {"format": "onnx", "inputs": ["a", "b"], "libraries": {"numpy": "2"}, "estimator": "E"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.post.close()


def test_the_ci_is_told_once_however_often_it_is_asked(desk: Desk) -> None:
    for _ in range(3):
        desk.opened()
    desk.post.turn()

    (told,) = desk.post.played.told()
    assert (told["type"], told["subject"]) == ("retrain.requested", "model:fraud")
    data = told["data"]
    assert data["rows_url"] == "http://127.0.0.1:7460/api/v1/external/run-1/rows"
    assert data["expires_at"] == "2026-11-24T18:00:00+00:00"
    assert desk.tokens.opens("/api/v1/external/run-1/rows", data["token"])
    assert data["token"] not in desk.post.outbox.deliveries(None, None, 1)[0].body
    assert not {"rows", "hook"} & data.keys(), "what concerns nobody outside"


def test_a_report_is_waited_for_and_handed_on(desk: Desk) -> None:
    desk.opened()
    found: list[Mapping[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(desk.runs.wait("run-1", None)))
    thread.start()

    answer = desk.runs.report("run-1", desk.report(metrics={"roc_auc": 1.0}))

    thread.join(20)
    assert answer == {"run": "run-1", "state": "reported"}
    assert found[0]["metrics"] == {"roc_auc": 1.0}
    assert desk.post.audit.entries(1)[0].verb == "retrain.reported"


def test_the_same_report_again_changes_nothing_and_another_is_refused(desk: Desk) -> None:
    desk.opened()
    report = desk.report()
    first = desk.runs.report("run-1", report)
    entries = desk.post.audit.verify()

    assert desk.runs.report("run-1", report) == first
    assert desk.post.audit.verify() == entries
    with pytest.raises(ConflictError, match="does not wait for a report any more"):
        desk.runs.report("run-1", {"state": "failed", "error": "no"})
    assert desk.runs.keep_file("run-1", b"model") == report["files"]["model.onnx"]
    with pytest.raises(ConflictError):
        desk.runs.keep_file("run-1", b"another")


def test_of_many_reports_at_once_one_is_kept(desk: Desk) -> None:
    desk.opened()
    won: list[int] = []

    def say(number: int) -> None:
        try:
            desk.runs.report("run-1", desk.report(metrics={"n": number}))
            won.append(number)
        except ConflictError:
            pass

    threads = [threading.Thread(target=say, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    run = desk.runs.run("run-1")
    assert run.report is not None
    assert [run.report["metrics"]["n"]] == won


def test_a_run_without_a_report_ends_with_a_reason(desk: Desk) -> None:
    desk.opened()
    desk.clock.advance(timedelta(hours=7))

    with pytest.raises(
        TrainingError, match=r"brought no report by 2026-11-24 18:00:00 UTC; look at `wellkept webhooks"
    ):
        desk.runs.wait("run-1", None)

    assert desk.runs.run("run-1").state == "expired"
    for late in (desk.report(), {"state": "failed", "error": "x"}):
        with pytest.raises(ConflictError, match="has expired"):
            desk.runs.report("run-1", late)
    with pytest.raises(ConflictError, match="has expired"):
        desk.runs.training_rows("run-1")


def test_a_late_report_is_refused_before_anybody_has_noticed_that_it_is_late(desk: Desk) -> None:
    desk.opened()
    desk.clock.advance(timedelta(hours=6))

    with pytest.raises(ConflictError, match="has expired"):
        desk.runs.report("run-1", desk.report())


def test_a_failure_is_told_with_the_words_of_the_ci(desk: Desk) -> None:
    desk.opened()
    desk.runs.report("run-1", {"state": "failed", "error": "out of memory on the runner"})

    with pytest.raises(TrainingError, match="the CI says that its training failed: out of memory on the runner"):
        desk.runs.wait("run-1", None)

    assert desk.runs.run("run-1").state == "failed"


def test_a_ci_that_cannot_be_told_is_not_waited_for(desk: Desk) -> None:
    desk.opened()
    desk.post.played.answers = [Answer(410, "answered 410")]
    desk.post.turn()

    with pytest.raises(TrainingError, match="webhook ci could not be told of it: the endpoint says that it is gone"):
        desk.runs.wait("run-1", None)

    assert desk.runs.run("run-1").state == "failed"


def test_a_run_that_somebody_calls_off_waits_no_longer(desk: Desk, tmp_path: Path) -> None:
    desk.opened()
    oversight = Oversight(tmp_path, Limits(10.0))
    oversight.cancel("ada")

    with pytest.raises(TrainingError, match="was cancelled by ada"):
        desk.runs.wait("run-1", oversight)
    with pytest.raises(ConflictError):
        desk.runs.report("run-1", desk.report())


def test_a_process_that_ends_leaves_the_run_waiting_and_the_next_goes_on(desk: Desk) -> None:
    desk.opened()
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            desk.runs.wait("run-1", None)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    desk.runs.close()
    thread.join(20)

    assert isinstance(ended[0], Interrupted)
    desk.runs = desk.new_runs()
    desk.opened()
    desk.runs.report("run-1", desk.report())
    assert until(lambda: desk.runs.wait("run-1", None), "the report")["state"] == "done"


def test_an_unknown_run_is_refused(desk: Desk) -> None:
    for ask in (desk.runs.run, desk.runs.training_rows, lambda run: desk.runs.report(run, desk.report()),
                lambda run: desk.runs.keep_file(run, b"")):  # fmt: skip
        with pytest.raises(NotFoundError, match="run run-2: is not known"):
            ask("run-2")


MANIFESTS: dict[str, tuple[Any, str]] = {
    "empty": (b"", "manifest.json"),
    "nested deeply": (b"[" * 100_000, "manifest.json"),
    "not a number": (b'{"a": NaN}', "manifest.json"),
    "too long": (b" " * 300_000, "manifest.json"),
    "a pickle": ({"format": "pickle"}, "format"),
    "another format": ({"format": "lightgbm"}, "files"),
    "no name of a format": ({"format": ["onnx"]}, "format"),
    "inputs in another order": ({"inputs": ["b", "a"]}, "inputs"),
    "no inputs": ({"inputs": None}, "inputs"),
    "columns of its own": ({"columns": ["c"]}, "columns"),
    "libraries as a list": ({"libraries": ["numpy"]}, "libraries"),
    "classes as words": ({"classes": ["a"]}, "classes"),
    "classes as truths": ({"classes": [True]}, "classes"),
    "too many classes": ({"classes": list(range(20_000))}, "classes"),
}


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A run that waits, and goes on waiting whatever is refused."""
    made = Desk(tmp_path_factory.mktemp("waiting"))
    made.opened()
    yield made
    made.post.close()


@pytest.mark.parametrize("mistake", MANIFESTS)
def test_a_manifest_that_is_not_what_was_asked_for_is_refused(mistake: str, waiting: Desk) -> None:
    manifest, named = MANIFESTS[mistake]

    with pytest.raises(InputError, match=named):
        waiting.runs.report("run-1", waiting.report(manifest))

    assert waiting.runs.run("run-1").state == WAITING


def test_features_are_those_of_the_platforms_own_code(desk: Desk) -> None:
    """What makes the features of a model runs behind every request: a CI cannot send other code."""
    desk.opened(columns=["c"])

    with pytest.raises(InputError, match=r"code: must be sha256:0"):
        desk.runs.report("run-1", desk.report({"columns": ["c"]}, code="sha256:" + "1" * 64))
    assert desk.runs.report("run-1", desk.report({"columns": ["c"]}, code=DIGEST))["state"] == "reported"


def test_files_that_were_not_sent_are_missed(desk: Desk) -> None:
    desk.opened()
    report = desk.report()

    with pytest.raises(NotFoundError, match="is not stored"):
        desk.runs.report("run-1", {**report, "files": {**report["files"], "model.onnx": DIGEST}})
    with pytest.raises(NotFoundError, match="junit"):
        desk.runs.report("run-1", {**report, "junit": DIGEST})


def test_a_run_may_send_so_many_files_and_the_same_one_as_often_as_it_likes(desk: Desk) -> None:
    desk.opened()
    files = [str(number).encode() for number in range(MOST_FILES)]
    for data in (*files, *files):
        desk.runs.keep_file("run-1", data)

    with pytest.raises(ConflictError, match="has sent 20 different files, and may send no more"):
        desk.runs.keep_file("run-1", b"one more")


def test_a_run_that_cannot_be_told_to_anybody_does_not_stay_open(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="webhook former: is not configured"):
        desk.opened(hook="former")

    assert desk.runs.run("run-1").state == "failed"


@given(
    run=st.text("abc-_", min_size=1, max_size=8), other=st.text("abc-_", min_size=1, max_size=8), at=st.integers(0, 20)
)
def test_a_token_opens_its_own_run_until_its_end(run: str, other: str, at: int) -> None:
    clock = SettableClock(NOON)
    tokens = RunTokens(TOKEN, clock)
    token = tokens.token(run, NOON + timedelta(seconds=10))
    clock.advance(timedelta(seconds=at))

    assert tokens.opens(f"/api/v1/external/{other}/rows", token) == (run == other and at < 10)
    assert not RunTokens("another-token", clock).opens(f"/api/v1/external/{run}", token)
    assert not tokens.opens("/api/v1/external", token)
    assert not tokens.opens(f"/api/v1/plans/{run}/approve", token)


def test_a_new_token_of_the_platform_ends_all_of_them(desk: Desk) -> None:
    run = replace(desk.opened(), id="run-1")
    token = desk.tokens.token(run.id, run.expires_at)

    assert desk.tokens.opens("/api/v1/external/run-1", token)
    assert not RunTokens("rotated", desk.clock).opens("/api/v1/external/run-1", token)
