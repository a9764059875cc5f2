"""A project's features at serving: in a process of its own, the same as in training, and never in the server's way."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml.features import FILE, Features, WithFeatures, own_features
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.featurework import FeatureProcess

pytestmark = pytest.mark.usefixtures("workers_world")
ROWS = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
SUM = """
    import pyarrow.compute as pc

    def features(frame):
        print("a word on stdout must not get between the rows")
        return frame.append_column("total", pc.add(frame["a"], frame["b"]))
    """


def artifact(folder: Path, code: str) -> Path:
    folder.joinpath(FILE).write_text(textwrap.dedent(code), encoding="utf-8")
    return folder


@pytest.fixture
def process(tmp_path: Path) -> Iterator[FeatureProcess]:
    found = FeatureProcess(artifact(tmp_path, SUM), ["a", "b"], ["total", "a"])
    yield found
    found.close()


def test_the_process_makes_what_training_made(process: FeatureProcess, tmp_path: Path) -> None:
    expected = Features(tmp_path / FILE, ["a", "b"], ["total", "a"]).matrix(ROWS)

    assert np.array_equal(process.matrix(ROWS), expected, equal_nan=True)
    assert np.array_equal(expected, np.array([[3.0, 1.0], [np.nan, 3.0], [11.0, 5.0]]), equal_nan=True)
    assert process.matrix(ROWS[:1]).tolist() == [[3.0, 1.0]], "it answers again and again"


def test_a_scorer_behind_features_takes_the_inputs(process: FeatureProcess) -> None:
    class First:
        def score(self, rows: Matrix) -> Scores:
            return rows[:, 0]

    assert WithFeatures(process, First()).score(ROWS[:1]).tolist() == [3.0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no such shop')", "ValueError: no such shop"),
        ("return frame", "must return every column of the contract; missing, got 'total'"),
        ("return frame.slice(0, 1).append_column('total', frame['a'].slice(0, 1))", "a row for each of the 3 rows"),
        ("return 7", "must return a frame that speaks Arrow"),
    ],
)
def test_what_goes_wrong_is_said_and_the_next_request_is_answered(body: str, words: str, tmp_path: Path) -> None:
    code = (
        f"calls = []\n\ndef features(frame):\n    calls.append(1)\n    if len(calls) > 1:\n        {{}}\n    {body}\n"
    )
    again = "return frame.append_column('total', frame['a'])"
    process = FeatureProcess(artifact(tmp_path, code.format(again)), ["a", "b"], ["total"])
    try:
        with pytest.raises(WellkeptError, match=words):
            process.matrix(ROWS)
        assert process.matrix(ROWS)[:, 0].tolist() == [1.0, 3.0, 5.0]
    finally:
        process.close()


def test_a_process_that_dies_is_replaced_at_the_next_request(tmp_path: Path) -> None:
    code = """
        import os

        def features(frame):
            if frame["a"][0].as_py() < 0:
                os._exit(3)
            return frame.append_column("total", frame["a"])
        """
    process = FeatureProcess(artifact(tmp_path, code), ["a", "b"], ["total"])
    try:
        with pytest.raises(WellkeptError, match="its process ended"):
            process.matrix(-ROWS)
        assert process.matrix(ROWS)[:, 0].tolist() == [1.0, 3.0, 5.0]
    finally:
        process.close()


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellkept.ml.serve.featurework.PATIENCE_S", 0.2)
    process = FeatureProcess(artifact(tmp_path, "import threading\nthreading.Event().wait()\n"), ["a", "b"], ["total"])

    with pytest.raises(WellkeptError, match=r"its process ended or took over 0\.2 s"):
        process.matrix(ROWS)


def test_the_process_is_given_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLKEPT_TOKEN", "secret")
    code = """
        import os
        import pyarrow as pa

        def features(frame):
            found = sum(name.startswith("WELLKEPT") for name in os.environ)
            return frame.append_column("total", pa.array([float(found)] * frame.num_rows))
        """
    process = FeatureProcess(artifact(tmp_path, code), ["a", "b"], ["total"])
    try:
        assert process.matrix(ROWS)[0, 0] == 0.0
    finally:
        process.close()


def test_features_that_look_at_other_rows_are_named(tmp_path: Path) -> None:
    code = """
        import pyarrow as pa
        import pyarrow.compute as pc

        def features(frame):
            mean = pc.mean(frame["a"]).as_py()
            return frame.append_column("total", pa.array([mean] * frame.num_rows))
        """
    features = Features(artifact(tmp_path, code) / FILE, ["a", "b"], ["a", "total"])

    with pytest.raises(InputError, match="a row alone as of a row among others; it does not in column, got 'total'"):
        features.check_alone(ROWS, features.matrix(ROWS))


def test_an_artifact_without_columns_has_no_features(tmp_path: Path) -> None:
    assert own_features(tmp_path, {"inputs": ["a"]}) is None
