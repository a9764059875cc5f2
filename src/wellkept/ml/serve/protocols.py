"""The serving protocols: Open Inference Protocol v2, and MLflow's /invocations, to rows and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from wellkept.kernel.errors import InputError

MAX_ROWS = 100_000
TYPES = frozenset({"BOOL", "FP16", "FP32", "FP64"}) | {
    f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)
}
DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL"}
"""How the protocol calls the types of a contract."""
INVOCATION_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")

Rows = list[dict[str, Any]]


def rows_of_infer(body: Any) -> Rows:
    """The rows of an inference request: one tensor an input, each of the same length.

    Raises:
        InputError: names the input, the rule and the value.
    """
    if not isinstance(body, dict):
        raise InputError("body", "must be an object", body)
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise InputError("inputs", "must be a list of at least one tensor", inputs)
    columns: dict[str, Sequence[Any]] = {}
    for index, tensor in enumerate(inputs):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise InputError(f"inputs[{index}]", "must be a tensor with a name", tensor)
        if tensor["name"] in columns:
            raise InputError(f"input {tensor['name']}", "is there twice")
        columns[tensor["name"]] = _column(tensor)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise InputError("inputs", "must all have the same number of rows", lengths)
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
        return _limited(form, _split(value))
    if form == "inputs" and isinstance(value, dict):
        return _limited(form, _named(value))
    if not isinstance(value, list) or not value:
        raise InputError(form, "must be a list of at least one row", value)
    return _limited(form, [_row(f"{form}[{index}]", row, form, features) for index, row in enumerate(value)])


def _column(tensor: Mapping[str, Any]) -> Sequence[Any]:
    where, data, shape = f"input {tensor['name']}", tensor.get("data"), tensor.get("shape")
    if tensor.get("datatype") not in TYPES:
        raise InputError(f"{where}: datatype", f"must be one of {', '.join(sorted(TYPES))}", tensor.get("datatype"))
    if not isinstance(data, list) or not data:
        raise InputError(f"{where}: data", "must be a list of at least one value", data)
    flat = [item for row in data for item in (row if isinstance(row, list) else [row])]
    sizes = shape if isinstance(shape, list) and all(isinstance(size, int) for size in shape) else []
    if sizes[:1] != [len(flat)] or math.prod(sizes) != len(flat):
        raise InputError(f"{where}: shape", f"must be [{len(flat)}] or [{len(flat)}, 1], as there are values", shape)
    if len(flat) > MAX_ROWS:
        raise InputError(where, f"must have at most {MAX_ROWS} rows", len(flat))
    if tensor["datatype"] == "BOOL":
        wrong = next((value for value in flat if value is not None and value not in (True, False)), None)
        if wrong is not None:
            raise InputError(f"{where}: data", "must be true or false, as its datatype says", wrong)
    return flat


def _split(value: Any) -> Rows:
    columns = value.get("columns") if isinstance(value, dict) else None
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InputError("dataframe_split.columns", "must be a list of names", columns)
    if not isinstance(data, list) or not data:
        raise InputError("dataframe_split.data", "must be a list of at least one row", data)
    return [_listed(f"dataframe_split.data[{index}]", row, columns) for index, row in enumerate(data)]


def _named(value: Mapping[str, Any]) -> Rows:
    """Columns by name; a bare value is a column of one."""
    columns = {name: column if isinstance(column, list) else [column] for name, column in value.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError("inputs", "must be columns of the same number of rows, at least one", lengths)
    return _zip({name: [_bare(item) for item in column] for name, column in columns.items()})


def _row(where: str, row: Any, form: str, features: Sequence[str]) -> dict[str, Any]:
    if isinstance(row, dict):
        return {name: _bare(item) for name, item in row.items()}
    if form == "dataframe_records":
        raise InputError(where, "must be an object", row)
    return _listed(where, row, features)


def _listed(where: str, row: Any, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(row, list) or len(row) != len(names):
        raise InputError(where, f"must be a list of {len(names)} values ({', '.join(names)})", row)
    return dict(zip(names, row, strict=True))


def _bare(value: Any) -> Any:
    """A value that was written as a tensor of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _limited(form: str, rows: Rows) -> Rows:
    if len(rows) > MAX_ROWS:
        raise InputError(form, f"must have at most {MAX_ROWS} rows", len(rows))
    return rows


def _zip(columns: Mapping[str, Sequence[Any]]) -> Rows:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
