"""Predictions as an Arrow stream: the same rules as of JSON records, column by column."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.store.telemetry.predictions import PREDICTIONS, REQUIRED

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""What is dated otherwise is a mistake of units or of a clock, and the engine's dates could not hold all of it."""
UNPACKED = 4
"""So many times its body may a table take: columns that compress well are no reason to run out of memory."""


def arrow_predictions(body: bytes, most: int) -> pa.Table:
    """The predictions of a body, with every column of ``PREDICTIONS``.

    Raises:
        InputError: the stream is damaged, or a row breaks a rule; names the column and the row.
        TooLargeError: it holds more than ``most`` rows.
    """
    table = _read(body, most)
    unknown = sorted(set(table.column_names) - set(PREDICTIONS.names))
    if unknown:
        known = ", ".join(PREDICTIONS.names)
        raise InputError(f"predictions.{unknown[0]}", f"is not a known column; known are {known}")
    columns = {field.name: _column(table, field) for field in PREDICTIONS}
    for name in REQUIRED:
        empty = pc.equal(columns[name], "") if pa.types.is_string(columns[name].type) else pc.is_null(columns[name])
        _refuse(empty, name, "is required")
    for name in ("score", "latency_ms"):
        _refuse(pc.invert(pc.is_finite(columns[name])), name, "must be a finite number")
    late = pc.or_(pc.less(columns["time"], pa.scalar(FIRST)), pc.greater_equal(columns["time"], pa.scalar(LAST)))
    _refuse(late, "time", f"must lie between {FIRST:%Y} and {LAST:%Y}")
    for chunk in columns["features"].chunks:
        if not pc.all(pc.is_finite(chunk.items), min_count=0).as_py():
            raise InputError("predictions.features", "must be finite numbers or null")
    return pa.table(columns, schema=PREDICTIONS)


def _read(body: bytes, most: int) -> pa.Table:
    try:
        with pa.ipc.open_stream(body) as reader:
            batches, rows, size = [], 0, 0
            for batch in reader:
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if rows > most:
                    raise TooLargeError("predictions", f"must hold at most {most} records", rows)
                if size > UNPACKED * len(body) + 4096:
                    raise TooLargeError("predictions", f"must take at most {UNPACKED} times their body", size)
                batch.validate(full=True)
                batches.append(batch)
            names = reader.schema.names
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"predictions.{twice[0]}", "must be there once")
            return pa.Table.from_batches(batches, reader.schema)
    except InputError:
        raise
    except (pa.ArrowException, OSError, MemoryError, ValueError) as error:
        raise InputError("predictions", f"must be an Arrow stream: {error}") from error


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """A column as it is stored; what is not there, or null, is empty."""
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)]) if _has_null(field) else _empty(table, field)
    try:
        column = table[field.name].cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"predictions.{field.name}", f"must be a column of {field.type}: {error}") from error
    if _has_null(field) or column.null_count == 0:
        return column
    if pa.types.is_map(field.type):
        raise InputError(f"predictions.{field.name}", "must not be null; a map without entries says the same")
    return pc.fill_null(column, "" if pa.types.is_string(field.type) else 0.0)


def _has_null(field: pa.Field) -> bool:
    """Whether a null of the column is looked at by the rules of required columns."""
    return field.name in ("time", "score")


def _empty(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    value: Any = [] if pa.types.is_map(field.type) else "" if pa.types.is_string(field.type) else 0.0
    return pa.chunked_array([pa.array([value] * table.num_rows, field.type)])


def _refuse(wrong: pa.ChunkedArray, name: str, rule: str) -> None:
    """Name the first row that is wrong; a null is."""
    found = pc.index(pc.fill_null(wrong, True), True).as_py()
    if found >= 0:
        raise InputError(f"predictions[{found}].{name}", rule)
