"""The serving protocols: Open Inference Protocol v2, and MLflow's /invocations, to rows and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wellkept.kernel.errors import InputError

MAX_ROWS = 100_000
TYPES = frozenset({"BOOL", "FP16", "FP32", "FP64"}) | {
    f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)
}
INVOCATION_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")

Rows = list[dict[str, Any]]


def rows_of_infer(body: Mapping[str, Any]) -> Rows:
    """The rows of an inference request: one tensor an input, each of the same length.

    Raises:
        InputError: names the input, the rule and the value.
    """
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise InputError("inputs", "must be a list of at least one tensor", inputs)
    columns: dict[str, Sequence[Any]] = {}
    for tensor in inputs:
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise InputError("inputs", "must be tensors with a name", tensor)
        columns[tensor["name"]] = _column(tensor)
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise InputError("inputs", "must all have the same number of rows", sorted(lengths))
    return _zip(columns)


def rows_of_invocation(body: Any, features: Sequence[str]) -> Rows:
    """The rows of an /invocations request.

    Raises:
        InputError: it holds none, or more than one, of the four forms; or the form is malformed.
    """
    if not isinstance(body, dict):
        raise InputError("body", f"must be an object with exactly one of {', '.join(INVOCATION_KEYS)}", body)
    given = [key for key in INVOCATION_KEYS if key in body]
    if len(given) != 1:
        raise InputError("body", f"must hold exactly one of {', '.join(INVOCATION_KEYS)}", given)
    form, value = given[0], body[given[0]]
    if form == "dataframe_split":
        return [dict(zip(value["columns"], row, strict=True)) for row in value["data"]]
    if form == "inputs" and isinstance(value, dict):
        return _zip({name: column if isinstance(column, list) else [column] for name, column in value.items()})
    if not isinstance(value, list):
        raise InputError(form, "must be a list of rows", value)
    return [row if isinstance(row, dict) else dict(zip(features, row, strict=True)) for row in value]


def _column(tensor: Mapping[str, Any]) -> Sequence[Any]:
    name, data = tensor["name"], tensor.get("data")
    if tensor.get("datatype") not in TYPES:
        raise InputError(
            f"input {name}: datatype", f"must be one of {', '.join(sorted(TYPES))}", tensor.get("datatype")
        )
    if not isinstance(data, list):
        raise InputError(f"input {name}: data", "must be a list", data)
    flat = [item for row in data for item in (row if isinstance(row, list) else [row])]
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not shape or shape[0] != len(flat):
        raise InputError(f"input {name}: shape", f"must begin with the number of values, {len(flat)}", shape)
    if len(flat) > MAX_ROWS:
        raise InputError(f"input {name}", f"must have at most {MAX_ROWS} rows", len(flat))
    return flat


def _zip(columns: Mapping[str, Sequence[Any]]) -> Rows:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
