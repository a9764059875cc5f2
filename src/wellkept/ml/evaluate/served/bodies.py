"""Requests of Open Inference Protocol v2, as any caller writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Sequence[float | str | None]
DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "category": "BYTES"}


def infer_body(names: Sequence[str], kinds: Sequence[str], rows: Sequence[Row]) -> bytes:
    """The body of a request with some rows."""
    tensors = [
        {
            "name": name,
            "datatype": DATATYPES[kind],
            "shape": [len(rows)],
            "data": [_written(row[place], kind) for row in rows],
        }
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return json.dumps({"inputs": tensors}).encode()


def scores_of(answer: bytes) -> list[float]:
    """The scores of an answer."""
    body: Mapping[str, Any] = json.loads(answer)
    return [float(value) for value in body["outputs"][0]["data"]]


def _written(value: float | str | None, kind: str) -> Any:
    if value is None or isinstance(value, str):
        return value
    if kind == "bool":
        return bool(value)
    return int(value) if kind == "int" else value
