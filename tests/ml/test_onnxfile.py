"""ONNX files are data: a tensor that lies elsewhere is refused, wherever in the file it is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from wellkept.kernel.errors import InputError
from wellkept.ml.onnxfile import check_onnx
from wellkept.ml.runtime import OnnxScorer


def tensor(location: str | None = None) -> TensorProto:
    found = numpy_helper.from_array(np.ones((1,), np.float32), "w")
    if location is not None:
        found.ClearField("raw_data")
        found.data_location = TensorProto.EXTERNAL
        found.external_data.add(key="location", value=location)
    return found


def model(where: str, location: str | None) -> bytes:
    """A model that doubles its input, with a tensor somewhere in it."""
    value = helper.make_tensor_value_info
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "g", [value("x", 1, [None, 1])], [value("y", 1, [None, 1])])
    kept = tensor(location)
    if where == "initializer":
        graph.initializer.append(kept)
    elif where == "attribute":
        graph.node.append(helper.make_node("Constant", [], ["c"], value=kept))
    elif where == "sparse":
        graph.sparse_initializer.add().values.CopyFrom(kept)
    elif where == "subgraph":
        inner = helper.make_graph([], "inner", [], [], [kept])
        graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=inner, else_branch=inner))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if where == "function":
        function = made.functions.add(name="f", domain="own")
        function.node.append(helper.make_node("Constant", [], ["c"], value=kept))
    data: bytes = made.SerializeToString()
    return data


@pytest.mark.parametrize("where", ["initializer", "attribute", "sparse", "subgraph", "function"])
@pytest.mark.parametrize("location", ["weights.bin", "../../etc/passwd", "/etc/passwd", ""])
def test_a_tensor_that_lies_elsewhere_is_refused(
    where: str, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("weights.bin").write_bytes(b"\0\0\x80\x3f")

    with pytest.raises(InputError, match=r"model\.onnx: must hold its tensors itself, but w lies elsewhere"):
        OnnxScorer(model(where, location))


@pytest.mark.parametrize("where", ["initializer", "attribute", "none"])
def test_what_holds_its_tensors_is_taken(where: str) -> None:
    check_onnx(model(where, None))
    assert OnnxScorer(model("none", None)).score(np.array([[2.0]])).tolist() == [4.0]


def test_a_tensor_that_names_a_place_without_saying_that_it_lies_there_is_refused() -> None:
    made = onnx.ModelProto.FromString(model("initializer", "x"))
    made.graph.initializer[0].data_location = TensorProto.DEFAULT

    with pytest.raises(InputError, match="lies elsewhere"):
        check_onnx(made.SerializeToString())


def test_what_is_no_onnx_is_named() -> None:
    with pytest.raises(InputError, match=r"model\.onnx: must be an ONNX model"):
        check_onnx(b"\xff\xff\xff")
