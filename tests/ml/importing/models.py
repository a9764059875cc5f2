"""Finished models, well-meant and not, as bytes."""

from __future__ import annotations

import functools
import io
import os
import pickle
import zipfile
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(1)
ROWS = RANDOM.random((200, 2))
LABEL = (ROWS[:, 1] > 0.5).astype(int)


@functools.cache
def logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(ROWS, LABEL)


@functools.cache
def onnx_bytes(*, zipmap: bool = False) -> bytes:
    from skl2onnx import to_onnx

    model = to_onnx(logistic(), ROWS[:1].astype(np.float32), options={"zipmap": zipmap})
    return bytes(model.SerializeToString())


def onnx_with_file(location: str) -> bytes:
    """A model whose weights lie in a file of the machine."""
    import onnx

    model = onnx.load_model_from_string(onnx_bytes())
    tensor = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return bytes(model.SerializeToString())


def onnx_with_hidden_file() -> bytes:
    """The same inside a branch, where a look at the graph's own weights would miss it."""
    import onnx

    model = onnx.load_model_from_string(onnx_bytes())
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    inner = onnx.GraphProto(name="inner", initializer=[tensor])
    node = model.graph.node.add(op_type="If", input=["c"], output=["d"])
    node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH, g=inner)
    return bytes(model.SerializeToString())


@functools.cache
def lightgbm_text() -> bytes:
    import lightgbm
    import pyarrow as pa

    data = lightgbm.Dataset(pa.table({"amount": ROWS[:, 0], "risk": ROWS[:, 1]}), LABEL, params={"verbose": -1})
    parameters = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 4}
    return str(lightgbm.train(parameters, data, num_boost_round=4).model_to_string()).encode()


def skops_bytes(estimator: Any) -> bytes:
    import skops.io

    return bytes(skops.io.dumps(estimator))


class Untrusted:
    """Nothing that anybody trusts."""

    def __init__(self) -> None:
        self.n_features_in_ = 2

    def predict(self, rows: Any) -> Any:
        return rows[:, 0]


class Runs:
    """A pickle that runs a command when it is opened."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def evil(command: str) -> bytes:
    return pickle.dumps(Runs(command))


def archive(*members: tuple[str, bytes], link: str = "") -> bytes:
    """A zip archive with members of any name, and a link where one is named."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = 0o120777 << 16
            file.writestr(entry, "/etc/passwd")
    return buffer.getvalue()
