"""The serving protocols: Open Inference Protocol v2, and MLflow's /invocations, to rows and back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.ml.serve.rules import MISSING, Rows

MAX_ROWS = 100_000
TYPES: dict[str, tuple[float, float]] = {
    "BOOL": (0, 1),
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    "FP16": (-65504.0, 65504.0),
    "FP32": (-3.4028234663852886e38, 3.4028234663852886e38),
    "FP64": (-math.inf, math.inf),
}
"""The datatypes of tensors, each with the least and the greatest number that it holds."""
BYTES = "BYTES"
"""The datatype of texts."""
DATATYPES = {"float": "FP64", "int": "INT64", "bool": "BOOL", "category": BYTES}
"""How the protocol calls the types of a contract."""
INVOCATION_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def rows_of_infer(body: Any) -> Rows:
    """The rows of an inference request: one tensor an input, each of the same length; or one of [rows, inputs].

    Raises:
        InputError: names the input, the rule and the value.
    """
    if not isinstance(body, dict):
        raise InputError("body", "must be an object", body)
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise InputError("inputs", "must be a list of at least one tensor", inputs)
    if len(inputs) == 1 and _is_wide(inputs[0]):
        return _table(inputs[0])
    columns: dict[str, Sequence[Any]] = {}
    for index, tensor in enumerate(inputs):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise InputError(f"inputs[{index}]", "must be a tensor with a name", tensor)
        if tensor["name"] in columns:
            raise InputError(f"input {tensor['name']}", "is there twice")
        columns[tensor["name"]] = _column(tensor)
    lengths = set(map(len, columns.values()))
    if len(lengths) != 1:
        told = {name: len(column) for name, column in columns.items()}
        raise InputError("inputs", "must all have the same number of rows", told)
    return Rows(tuple(columns), list(zip(*columns.values(), strict=True)))


def outputs_of(value: Any) -> tuple[str, ...]:
    """The names of the outputs that an inference request asks for.

    Raises:
        InputError: it is no list of outputs.
    """
    if not isinstance(value, list):
        raise InputError("outputs", "must be a list of outputs, each with a name", value)
    for index, output in enumerate(value):
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise InputError(f"outputs[{index}]", "must be an output with a name", output)
    return tuple(output["name"] for output in value)


def rows_of_invocation(body: Any) -> Rows:
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
    if form != "dataframe_records" and all(isinstance(row, list) for row in value):
        return _limited(form, Rows(None, value))
    return _limited(form, _records(form, value))


def _is_wide(tensor: Any) -> bool:
    """Whether a tensor is a table: of several rows and columns in one."""
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    return isinstance(shape, list) and len(shape) == 2 and isinstance(shape[1], int) and shape[1] > 1


def _table(tensor: Mapping[str, Any]) -> Rows:
    where, data, shape = f"input {tensor.get('name')}", tensor.get("data"), tensor["shape"]
    _check_tensor(where, tensor)
    assert isinstance(data, list)
    count, width = shape
    nested = bool(data) and isinstance(data[0], list)
    _check_values(where, tensor["datatype"], list(itertools.chain.from_iterable(data)) if nested else data)
    values = data if nested else [data] if count == 1 else [data[at : at + width] for at in range(0, len(data), width)]
    is_whole = isinstance(count, int) and len(values) == count > 0
    if not is_whole or not all(isinstance(row, list) and len(row) == width for row in values):
        raise InputError(f"{where}: shape", "must be [rows, columns], as there are values", shape)
    _check_count(where, len(values))
    return Rows(None, values)


def _column(tensor: Mapping[str, Any]) -> Sequence[Any]:
    where, data, shape = f"input {tensor['name']}", tensor.get("data"), tensor.get("shape")
    _check_tensor(where, tensor)
    assert isinstance(data, list)
    _check_count(where, len(data))
    flat = data
    if list in map(type, data):
        flat = [item for row in data for item in (row if isinstance(row, list) else [row])]
    count = len(flat)
    if shape not in ([count], [count, 1]):
        sizes = shape if isinstance(shape, list) and all(isinstance(size, int) for size in shape) else []
        if sizes[:1] != [count] or math.prod(sizes) != count:
            raise InputError(f"{where}: shape", f"must be [{count}] or [{count}, 1], as there are values", shape)
    _check_count(where, count)
    _check_values(where, tensor["datatype"], flat)
    return flat


def _check_tensor(where: str, tensor: Mapping[str, Any]) -> None:
    datatype, data = tensor.get("datatype"), tensor.get("data")
    if not isinstance(datatype, str) or (datatype not in TYPES and datatype != BYTES):
        raise InputError(f"{where}: datatype", f"must be one of {', '.join(sorted([*TYPES, BYTES]))}", datatype)
    if not isinstance(data, list) or not data:
        raise InputError(f"{where}: data", "must be a list of at least one value", data)


def _check_values(where: str, datatype: str, values: Sequence[Any]) -> None:
    """Refuse a number that its datatype cannot hold; what else does not fit is told by the rules of the inputs."""
    if datatype == "FP64":
        return
    if datatype == BYTES:
        for value in values:
            if not isinstance(value, str | None):
                raise InputError(f"{where}: data", f"must be texts, as its datatype {BYTES} says", value)
        return
    (low, high), may_have_parts = TYPES[datatype], datatype.startswith("FP")
    if (
        set(map(type, values)) <= ({int, float} if may_have_parts else {int})
        and low <= min(values) <= max(values) <= high
    ):
        return  # nearly always, and several times as fast as what follows
    for value in values:
        if isinstance(value, int | float) and not (low <= value <= high and (may_have_parts or value % 1 == 0)):
            span = f"{low:g} to {high:g}" if may_have_parts else f"{low} to {high}"
            kind = "true or false" if datatype == "BOOL" else f"{'' if may_have_parts else 'whole '}numbers from {span}"
            raise InputError(f"{where}: data", f"must be {kind}, as its datatype {datatype} says", value)


def _check_count(where: str, count: int) -> None:
    if count > MAX_ROWS:
        raise InputError(where, f"must have at most {MAX_ROWS} rows", count)


def _split(value: Any) -> Rows:
    columns = value.get("columns") if isinstance(value, dict) else None
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InputError("dataframe_split.columns", "must be a list of names", columns)
    if not isinstance(data, list) or not data:
        raise InputError("dataframe_split.data", "must be a list of at least one row", data)
    width = len(columns)
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != width:
            rule = f"must be a list of {width} values ({', '.join(columns)})"
            raise InputError(f"dataframe_split.data[{index}]", rule, row)
    return Rows(tuple(columns), data)


def _named(value: Mapping[str, Any]) -> Rows:
    """Columns by name; a bare value is a column of one."""
    columns = {name: column if isinstance(column, list) else [column] for name, column in value.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError("inputs", "must be columns of the same number of rows, at least one", lengths)
    return Rows(tuple(columns), [[_bare(item) for item in row] for row in zip(*columns.values(), strict=True)])


def _records(form: str, value: Sequence[Any]) -> Rows:
    """Rows that name their values; the first row's names come first."""
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            rule = "must be an object" if form == "dataframe_records" else "must be a list of values, or an object"
            raise InputError(f"{form}[{index}]", rule, row)
    names = tuple(dict.fromkeys(name for row in value for name in row))
    return Rows(names, [[_bare(row.get(name, MISSING)) for name in names] for row in value])


def _bare(value: Any) -> Any:
    """A value that was written as a tensor of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _limited(form: str, rows: Rows) -> Rows:
    if len(rows) > MAX_ROWS:
        raise InputError(form, f"must have at most {MAX_ROWS} rows", len(rows))
    return rows
