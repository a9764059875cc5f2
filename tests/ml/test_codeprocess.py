"""The code that a version brings along: in a process of its own, the same as in training, never in the server's way."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml import codeprocess
from wellkept.ml.codeprocess import CodeProcess, brings_code, load_scorer
from wellkept.ml.features import Features, WithFeatures
from wellkept.ml.owncode import FILE, OLD_FILE, object_state
from wellkept.ml.project import module_of
from wellkept.ml.runtime import FILES, Matrix, Scores, scorer_of

pytestmark = pytest.mark.usefixtures("workers_world")
ROWS = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
SUM = """
    import pyarrow.compute as pc

    def features(frame):
        print("a word on stdout must not get between the rows")
        return frame.append_column("total", pc.add(frame["a"], frame["b"]))
    """


def artifact(folder: Path, code: str, columns: tuple[str, ...] = ("total",), kind: str = "onnx") -> Path:
    folder.joinpath(FILE).write_text(textwrap.dedent(code), encoding="utf-8")
    manifest = {"format": kind, "inputs": ["a", "b"], "columns": list(columns)}
    folder.joinpath("manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def process(tmp_path: Path) -> Iterator[CodeProcess]:
    found = CodeProcess(artifact(tmp_path, SUM, ("total", "a")), 10.0)
    yield found
    found.close()


def test_the_process_makes_what_training_made(process: CodeProcess, tmp_path: Path) -> None:
    expected = Features(tmp_path / FILE, ["a", "b"], ["total", "a"]).matrix(ROWS)

    assert np.array_equal(process.matrix(ROWS), expected, equal_nan=True)
    assert np.array_equal(expected, np.array([[3.0, 1.0], [np.nan, 3.0], [11.0, 5.0]]), equal_nan=True)
    assert process.matrix(ROWS[:1]).tolist() == [[3.0, 1.0]], "it answers again and again"


def test_a_scorer_behind_features_takes_the_inputs(process: CodeProcess) -> None:
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
    process = CodeProcess(artifact(tmp_path, code.format(again)), 10.0)
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
    process = CodeProcess(artifact(tmp_path, code), 10.0)
    try:
        with pytest.raises(WellkeptError, match="its process ended"):
            process.matrix(-ROWS)
        assert process.matrix(ROWS)[:, 0].tolist() == [1.0, 3.0, 5.0]
    finally:
        process.close()


HANGS = "threading.Event().wait()"


def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    code = f"import threading\n\ndef features(frame):\n    {HANGS}\n"
    process = CodeProcess(artifact(tmp_path, code), 0.2)

    with pytest.raises(WellkeptError, match=r"its process took over 0\.2 s over one request"):
        process.matrix(ROWS)


def test_a_process_that_does_not_start_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codeprocess, "START_S", 0.3)
    process = CodeProcess(artifact(tmp_path, f"import threading\n{HANGS}\n"), 0.2)

    with pytest.raises(WellkeptError, match=r"its process took over 0\.3 s to start"):
        process.matrix(ROWS)


def test_a_process_may_take_longer_to_start_than_over_a_request(tmp_path: Path) -> None:
    process = CodeProcess(artifact(tmp_path, "import time\ntime.sleep(5)\n" + textwrap.dedent(SUM)), 4.0)
    try:
        assert process.matrix(ROWS[:1]).tolist() == [[3.0]]
    finally:
        process.close()


def test_code_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    process = CodeProcess(artifact(tmp_path, "raise ValueError('no such library')\n"), 10.0)

    for _ in range(2):
        with pytest.raises(WellkeptError, match=r"own code failed: .*no such library"):
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
    process = CodeProcess(artifact(tmp_path, code), 10.0)
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


def test_a_version_of_an_older_release_has_its_code_under_another_name(tmp_path: Path) -> None:
    artifact(tmp_path, SUM).joinpath(FILE).rename(tmp_path / OLD_FILE)
    process = CodeProcess(tmp_path, 10.0)
    try:
        assert process.matrix(ROWS[:1]).tolist() == [[3.0]]
    finally:
        process.close()


def test_versions_that_are_their_file_alone_bring_no_code(tmp_path: Path) -> None:
    assert not brings_code({"format": "onnx"})
    assert not brings_code({"format": "skops", "columns": []})
    assert brings_code({"format": "onnx", "columns": ["total"]})
    assert brings_code({"format": "python"})


BLEND = """
    import numpy as np
    from shares import SHARES

    class Blend:
        def __init__(self, weights):
            self.weights = weights

        def predict(self, rows):
            return rows @ self.weights * SHARES["all"]
    """


def kept(folder: Path, columns: tuple[str, ...] = ()) -> Path:
    (folder / "shares.py").write_text('SHARES = {"all": 2.0}\n', encoding="utf-8")
    artifact(folder, BLEND + (SUM if columns else ""), columns, "python")
    blend = module_of(folder / FILE).Blend(np.array([1.0, 10.0]))
    (folder / FILES["python"]).write_bytes(object_state(blend))
    return folder


def test_an_object_answers_from_its_process_by_its_class_and_its_state(tmp_path: Path) -> None:
    scorer, manifest = load_scorer(kept(tmp_path))

    assert scorer.score(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [42.0, 86.0]
    assert brings_code(manifest)
    assert not list(tmp_path.rglob("*.pyc")), "what is an artifact stays as it is"
    with pytest.raises(InputError, match="needs the code of its class, which runs in a process of its own"):
        scorer_of(manifest, lambda name: (tmp_path / name).read_bytes())


def test_an_object_stands_behind_the_features_of_its_code(tmp_path: Path) -> None:
    scorer, _ = load_scorer(kept(tmp_path, ("total", "a")))

    assert scorer.score(np.array([[1.0, 2.0]])).tolist() == [26.0], "(3 + 10 * 1) * 2"


def test_an_object_that_fails_says_so_and_goes_on(tmp_path: Path) -> None:
    scorer, _ = load_scorer(kept(tmp_path))

    with pytest.raises(WellkeptError, match="the version's own code failed: ValueError"):
        scorer.score(np.ones((1, 5)))
    assert scorer.score(np.array([[1.0, 0.0]])).tolist() == [2.0]
