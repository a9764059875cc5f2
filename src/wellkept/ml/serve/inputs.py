"""Rows as the contract wants them: every value checked, in the order of the model's columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import Input
from wellkept.ml.serve.models import Served
from wellkept.ml.serve.protocols import Rows


def matrix_of(served: Served, rows: Rows) -> NDArray[np.float64]:
    """The rows as float64[n, inputs]; null is NaN.

    Raises:
        InputError: an input is missing, unknown, null where it must not be, or not of its type.
    """
    known = {entry.name for entry in served.inputs}
    matrix = np.empty((len(rows), len(served.inputs)))
    for index, row in enumerate(rows):
        if row.keys() - known:
            unknown = sorted(row.keys() - known)[0]
            raise InputError(f"input {unknown}", f"is not an input of {served.name} ({', '.join(sorted(known))})")
        for column, entry in enumerate(served.inputs):
            matrix[index, column] = _number(entry, row)
    return matrix


def _number(entry: Input, row: dict[str, Any]) -> float:
    if entry.name not in row:
        raise InputError(f"input {entry.name}", "is required")
    value = row[entry.name]
    if value is None:
        if not entry.nullable:
            raise InputError(f"input {entry.name}", "must not be null")
        return float("nan")
    if not isinstance(value, bool | int | float):
        raise InputError(f"input {entry.name}", "must be a number", value)
    if entry.type == "int" and value != int(value):
        raise InputError(f"input {entry.name}", "must be a whole number", value)
    if entry.type == "bool" and value not in (0, 1):
        raise InputError(f"input {entry.name}", "must be true or false", value)
    return float(value)
