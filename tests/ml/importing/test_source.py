"""What is handed in is told by its content and taken in whole; whatever leads elsewhere or would grow is refused."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from pathlib import Path

import joblib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.importing import models

from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError
from wellkept.ml.importing.source import MLMODEL, kind_of, mlmodel_of, read_source, source_of

MLFLOW = """
flavors:
  lightgbm: {data: model.lgb, model_class: lightgbm.basic.Booster}
  python_function: {loader_module: mlflow.lightgbm}
signature:
  inputs: '[{"name": "amount", "type": "double"}, {"name": "risk", "type": "double"}]'
run_id: abc
"""


def packed(compress: str) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(models.logistic(), buffer, compress=compress)
    return buffer.getvalue()


def test_every_format_is_told_by_its_content_whatever_the_name() -> None:
    assert kind_of(models.onnx_bytes(), "model.pkl") == "onnx"
    assert kind_of(models.lightgbm_text(), "model.onnx") == "lightgbm"
    assert kind_of(b'{"learner": {}, "version": [3, 0, 0]}', "m") == "xgboost"
    assert kind_of(b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{L", "m") == "xgboost"
    assert kind_of(models.skops_bytes(models.logistic()), "model.txt") == "skops"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_a_pickle_under_any_name_and_protocol(protocol: int) -> None:
    assert kind_of(pickle.dumps(models.logistic(), protocol), "model.onnx") == "pickle"


@pytest.mark.parametrize("compress", ["zlib", "gzip", "bz2", "xz", "lzma"])
def test_a_packed_pickle_is_no_safe_format(compress: str) -> None:
    try:
        kind = kind_of(packed(compress), "model.onnx")
    except InputError:
        return
    assert kind == "pickle"


def test_a_pickle_inside_an_archive_is_a_pickle() -> None:
    assert kind_of(models.archive(("archive/data.pkl", b"x")), "model.pt") == "pickle"


@given(st.binary(max_size=200))
def test_any_bytes_are_told_or_refused(data: bytes) -> None:
    with contextlib.suppress(InputError):
        assert kind_of(data, "m") in {"onnx", "lightgbm", "xgboost", "skops", "pickle"}


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/x", "a/../../x", "..\\x"])
def test_an_archive_with_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="leads out"):
        source_of(models.archive(("schema.json", b"{}"), (name, b"x")), "m.skops")


def test_an_archive_with_a_link_is_refused() -> None:
    with pytest.raises(InputError, match="no link"):
        source_of(models.archive(("schema.json", b"{}"), link="weights.npy"), "m.skops")


def test_an_archive_that_would_become_giant_is_refused() -> None:
    with pytest.raises(TooLargeError, match="would become"):
        source_of(models.archive(("schema.json", b"{}"), ("weights.npy", bytes(80 << 20))), "m.skops")


def test_a_link_is_not_followed_and_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")

    for name in ("link", "pipe"):
        with pytest.raises(InputError, match=r"link|regular"):
            read_source(tmp_path / name)
    with pytest.raises(NotFoundError):
        read_source(tmp_path / "nothing")


def test_a_folder_of_mlflow_names_its_file_and_its_inputs(tmp_path: Path) -> None:
    (tmp_path / MLMODEL).write_text(MLFLOW, "utf-8")
    (tmp_path / "model.lgb").write_bytes(models.lightgbm_text())

    source = read_source(tmp_path)

    assert (source.kind, source.inputs) == ("lightgbm", ("amount", "risk"))
    assert source.notes == {"mlflow.flavour": "lightgbm", "mlflow.run_id": "abc"}


def test_a_folder_with_a_link_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / MLMODEL).write_text(MLFLOW, "utf-8")
    (tmp_path / "model.lgb").symlink_to("/etc/passwd")

    with pytest.raises(InputError, match="not a link"):
        read_source(tmp_path)


@pytest.mark.parametrize("file", ["../../secret", "/etc/passwd", "a/../../x", "%2e%2e/x"])
def test_a_model_file_outside_its_folder_is_refused(file: str) -> None:
    with pytest.raises(InputError, match="must lie in the folder"):
        mlmodel_of(MLFLOW.replace("model.lgb", f"'{file}'").encode())


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "a: b", "flavors: {python_function: {loader_module: os}}", "flavors: [onnx]", "{", "a: &a [*a]"),
        "!!python/object/apply:os.system [id]",
    ],
)
def test_a_description_that_names_no_safe_model_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        mlmodel_of(text.encode())
