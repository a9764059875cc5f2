"""A locked-in worker opens what was handed in; every malicious file ends in a clear error, and does nothing."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ml.importing import models

from wellkept.kernel.errors import InputError
from wellkept.ml.importing import intake
from wellkept.ml.importing.confinement import NotConfinedError
from wellkept.ml.importing.intake import look, open_pickle
from wellkept.ml.importing.readers import look as read
from wellkept.ml.importing.source import source_of
from wellkept.ml.runtime import scorer_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process is locked in by the kernel of Linux")


def test_a_safe_model_says_what_it_takes() -> None:
    taken = look(source_of(models.onnx_bytes(), "model.bin"))

    assert taken.format == "onnx"
    assert taken.not_confined == ""
    assert (taken.told["task"], taken.told["width"], taken.told["nullable"]) == ("binary_classification", 2, False)
    assert set(taken.files(["amount", "risk"])) == {"model.onnx", "manifest.json"}


def test_an_approved_pickle_becomes_onnx_that_scores_the_same() -> None:
    source = source_of(pickle.dumps(models.logistic()), "model.pkl")

    taken = open_pickle(source)

    assert taken.format == "onnx"
    found = scorer_of({"format": "onnx"}, lambda _: taken.data).score(models.ROWS)
    assert np.allclose(found, models.logistic().predict_proba(models.ROWS)[:, 1], atol=1e-5)


def test_a_pickle_that_runs_a_command_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret", "utf-8")
    command = f"cat {tmp_path}/token > {tmp_path}/stolen; touch {tmp_path}/was_here; exec 3<>/dev/tcp/127.0.0.1/9"

    with pytest.raises(InputError, match="must be an estimator"):
        open_pickle(source_of(models.evil(command), "evil.pkl"))

    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_a_pickle_is_never_opened_where_a_process_cannot_be_locked_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_module: str, request: dict[str, Any], folder: Path, _limits: float) -> dict[str, Any]:
        from wellkept.ml.importing import worker

        def fails(_folder: Path) -> None:
            raise NotConfinedError("there is no Landlock")

        monkeypatch.setattr(worker, "confine", fails)
        return worker.work(request)

    monkeypatch.setattr(intake, "run_worker", answer)

    with pytest.raises(InputError, match="not opened: a process cannot be locked in here, there is no Landlock"):
        open_pickle(source_of(models.evil("true"), "evil.pkl"))


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "weights.bin"])
def test_an_onnx_model_that_names_files_is_refused(location: str) -> None:
    with pytest.raises(InputError, match="must hold its weights itself"):
        read("onnx", models.onnx_with_file(location))


def test_a_file_that_hides_in_a_branch_is_found() -> None:
    with pytest.raises(InputError, match="must hold its weights itself"):
        read("onnx", models.onnx_with_hidden_file())


def test_a_skops_file_with_a_type_that_nobody_trusts_is_refused() -> None:
    with pytest.raises(InputError, match="does not trust") as told:
        read("skops", models.skops_bytes(models.Untrusted()))
    assert "Untrusted" in str(told.value)


@pytest.mark.parametrize("kind", ["onnx", "skops"])
def test_a_damaged_model_is_refused_by_name(kind: str) -> None:
    whole = models.onnx_bytes() if kind == "onnx" else models.skops_bytes(models.logistic())

    with pytest.raises(InputError, match=f"the {kind} model"):
        read(kind, whole[: len(whole) // 2])


def test_a_model_that_brings_its_library_down_takes_nobody_along() -> None:
    """LightGBM reads over the end of a text that was cut off, which ends the process that reads it."""
    whole = models.lightgbm_text()

    with pytest.raises(InputError, match=r"model: (was ended by signal|ended with code|the lightgbm model)"):
        look(source_of(whole[: len(whole) // 2], "model.txt"))


def test_an_onnx_model_with_maps_for_chances_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match="zipmap=False"):
        read("onnx", models.onnx_bytes(zipmap=True))


def test_what_a_hostile_worker_answers_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"format": "lightgbm", "task": "anything", "width": 2, "inputs": [], "nullable": False, "classes": []}
    hostile: list[dict[str, Any]] = [
        {**told, "estimator": "x"},
        {**told, "task": "regression", "width": "two", "estimator": "x"},
        {**told, "task": "regression", "inputs": ["a"], "estimator": "x"},
        {**told, "format": "../../x"},
        {},
    ]
    for answer in hostile:

        def respond(_m: str, _r: Any, folder: Path, _l: float, answer: dict[str, Any] = answer) -> dict[str, Any]:
            (folder / "out").mkdir()
            (folder / "out" / "model.txt").write_text("x", "utf-8")
            return answer

        monkeypatch.setattr(intake, "run_worker", respond)
        with pytest.raises(InputError):
            look(source_of(models.lightgbm_text(), "model.txt"))


def test_a_link_that_a_hostile_worker_leaves_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    def respond(_m: str, _r: Any, folder: Path, _l: float) -> dict[str, Any]:
        (folder / "out").mkdir()
        (folder / "out" / "model.onnx").symlink_to("/etc/passwd")
        return {"format": "onnx"}

    monkeypatch.setattr(intake, "run_worker", respond)

    with pytest.raises(InputError, match="not a link"):
        open_pickle(source_of(models.evil("true"), "evil.pkl"))
