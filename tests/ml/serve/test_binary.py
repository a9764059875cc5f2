"""Binary tensors: the numbers of a request behind its JSON, as clients of Triton and KServe send them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest
from tests.ml.serve.doors import Asked

INFER = "/v2/models/fraud/infer"
NAMES = ("amount", "count", "foreign", "risk")
LAYOUTS = {"FP64": "<f8", "INT64": "<i8", "BOOL": "?", "FP32": "<f4", "UINT8": "u1"}


def sent(asked: Asked, columns: dict[str, tuple[str, list[Any]]], cut: int = 0, more: bytes = b"") -> httpx.Response:
    """A request whose tensors are binary; ``cut`` bytes are missing at its end, or ``more`` follow."""
    inputs, behind = [], b""
    for name, (datatype, values) in columns.items():
        data = np.array(values, LAYOUTS[datatype]).tobytes()
        told = {"binary_data_size": len(data)}
        inputs.append({"name": name, "datatype": datatype, "shape": [len(values)], "parameters": told})
        behind += data
    head = json.dumps({"inputs": inputs, "parameters": {"prediction_id": "one"}}).encode()
    length = {"inference-header-content-length": str(len(head))}
    return asked.send(INFER, head + behind[: len(behind) - cut] + more, "application/octet-stream", **length)


def rows(**changed: tuple[str, list[Any]]) -> dict[str, tuple[str, list[Any]]]:
    return {
        "amount": ("FP64", [1.5, 2.0]),
        "count": ("INT64", [1, 2]),
        "foreign": ("BOOL", [True, False]),
        "risk": ("FP32", [0.5, float("nan")]),
        **changed,
    }


def test_binary_tensors_are_read_as_json_would_be(asked: Asked) -> None:
    answer = sent(asked, rows())

    assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, [4.0, 4.0])
    assert [record["features"]["risk"] for record in asked.log.records] == [0.5, None]  # NaN is null
    assert asked.get("/v2").json()["extensions"] == ["binary_tensor_data"]


def test_a_table_may_be_binary(asked: Asked) -> None:
    data = np.array([[1, 2, 0, 3], [4, 5, 1, 6]], "<f8").tobytes()
    told = {"binary_data_size": len(data)}
    head = json.dumps({"inputs": [{"name": "x", "datatype": "FP64", "shape": [2, 4], "parameters": told}]}).encode()

    answer = asked.send(INFER, head + data, "", **{"inference-header-content-length": str(len(head))})

    assert answer.json()["outputs"][0]["data"] == [6.0, 16.0]


@pytest.mark.parametrize(
    ("columns", "cut", "more", "words"),
    [
        (rows(), 1, b"", "input risk: binary_data_size: must be a number of bytes, of which 7 are left, got 8"),
        (rows(), 0, b"x", "body: must end with the last tensor, but 1 bytes are left"),
        (rows(amount=("FP64", [1.0, float("inf")])), 0, b"", "input amount: data: must be finite numbers"),
        (rows(amount=("FP64", [1.0, float("nan")])), 0, b"", "input amount, row 1: must not be null"),
        (rows(count=("INT64", [1, 2**53 + 1])), 0, b"", "input count, row 1: must be at most 9007199254740992 (2^53)"),
        (rows(amount=("FP64", [1.0])), 0, b"", "inputs: must all have the same number of rows"),
    ],
    ids=["cut", "more", "infinite", "null", "rounded", "uneven"],
)
def test_what_is_wrong_is_named(
    columns: dict[str, tuple[str, list[Any]]], cut: int, more: bytes, words: str, asked: Asked
) -> None:
    answer = sent(asked, columns, cut, more)

    assert (answer.status_code, answer.json()["error"][: len(words)]) == (400, words)


@pytest.mark.parametrize("length", ["-1", "x", "999999"])
def test_a_length_that_cannot_be_is_refused(length: str, asked: Asked) -> None:
    answer = asked.send(INFER, b"{}", "", **{"inference-header-content-length": length})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Inference-Header-Content-Length: must be the length of the JSON")


def test_an_unknown_datatype_is_refused(asked: Asked) -> None:
    told = {"binary_data_size": 3}
    head = json.dumps({"inputs": [{"name": "amount", "datatype": "TEXT", "shape": [1], "parameters": told}]}).encode()

    answer = asked.send(INFER, head + b"abc", "", **{"inference-header-content-length": str(len(head))})

    assert answer.json()["error"].startswith("input amount: datatype: must be one of BOOL")
