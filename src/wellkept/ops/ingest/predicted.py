"""Predictions as an Arrow stream: the same rules as of JSON records, column by column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.conventions import ENDS
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.store.telemetry.predictions import MILLISECOND, PREDICTIONS, REQUIRED

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""What is dated otherwise is a mistake of units or of a clock, and the engine's dates could not hold all of it."""
KNOWN = (*PREDICTIONS.names, *ENDS)
"""The fields of a prediction as it is sent; the ends of its interval are kept among its attributes."""
PREFIX = "input."
"""Columns of an Arrow stream that are inputs."""
UNPACKED = 4
"""So many times its body may a table take: columns that compress well are no reason to run out of memory."""


Reduce = Callable[[pa.ChunkedArray, pa.Table], tuple[pa.Array, pa.Array]]
"""Of the models' names and a table with one column an input: the maps of features and of categories."""


def arrow_predictions(body: bytes, most: int, reduce: Reduce) -> pa.Table:
    """The predictions of a body, with every column of ``PREDICTIONS``; inputs may be columns ``input.NAME``.

    Raises:
        InputError: the stream is damaged, or a row breaks a rule; names the column and the row.
        TooLargeError: it holds more than ``most`` rows.
    """
    table = read_stream("predictions", body, most)
    flat = [name for name in table.column_names if name.startswith(PREFIX)]
    unknown = sorted(set(table.column_names) - set(KNOWN) - set(flat))
    if unknown:
        known = ", ".join(KNOWN)
        raise InputError(f"predictions.{unknown[0]}", f"is not a known column; known are {known}, and {PREFIX}NAME")
    if flat:
        table = _gathered(table, flat, reduce)
    columns = {field.name: _column(table, field) for field in PREDICTIONS}
    columns["attributes"] = _with_ends(table, columns["attributes"])
    for name in REQUIRED:
        empty = pc.equal(columns[name], "") if pa.types.is_string(columns[name].type) else pc.is_null(columns[name])
        refuse(empty, "predictions", name, "is required")
    for name in ("score", "latency_ms"):
        refuse(pc.invert(pc.is_finite(columns[name])), "predictions", name, "must be a finite number")
    late = pc.or_(pc.less(columns["time"], pa.scalar(FIRST)), pc.greater_equal(columns["time"], pa.scalar(LAST)))
    refuse(late, "predictions", "time", f"must lie between {FIRST:%Y} and {LAST:%Y}")
    for chunk in columns["features"].chunks:
        if not pc.all(pc.is_finite(chunk.items), min_count=0).as_py():
            raise InputError("predictions.features", "must be finite numbers or null")
    return pa.table(columns, schema=PREDICTIONS)


def _with_ends(table: pa.Table, attributes: pa.ChunkedArray) -> pa.ChunkedArray:
    """The attributes with the ends of the intervals, where rows have them."""
    given = [name for name in ENDS if name in table.column_names]
    if not given:
        return attributes
    ends = {name: cast_to(f"predictions.{name}", table[name], pa.float64()) for name in given}
    for name, values in ends.items():
        refuse(pc.fill_null(pc.invert(pc.is_finite(values)), False), "predictions", name, "must be a finite number")
    rows = zip(attributes.to_pylist(), *(values.to_pylist() for values in ends.values()), strict=True)
    found = [
        [*marks, *((name, repr(value)) for name, value in zip(given, own, strict=True) if value is not None)]
        for marks, *own in rows
    ]
    return pa.chunked_array([pa.array(found, attributes.type)])


def _gathered(table: pa.Table, flat: list[str], reduce: Reduce) -> pa.Table:
    """With the maps in place of the columns that are inputs."""
    for name in ("features", "categories"):
        if name in table.column_names:
            raise InputError(f"predictions.{name}", f"must be left out where inputs are columns ({flat[0]})")
    if "model" not in table.column_names:
        raise InputError("predictions[0].model", "is required")
    features, words = reduce(table["model"], table.select(flat))
    rest = table.drop_columns(flat)
    return rest.append_column("features", features).append_column("categories", words)


def read_stream(what: str, body: bytes, most: int) -> pa.Table:
    """The table of an Arrow stream.

    Raises:
        InputError: it is damaged, or has a column twice.
        TooLargeError: it holds more than ``most`` rows, or unfolds to too much.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            batches, rows, size = [], 0, 0
            for batch in reader:
                rows += batch.num_rows
                if rows > most:
                    raise TooLargeError(what, f"must hold at most {most} records", rows)
                batch.validate()  # to measure one of damaged lengths would take for ever
                size += batch.nbytes
                _check_size(what, size, body)
                batch.validate(full=True)
                size += sum(_unfolded(column) for column in batch.columns)
                _check_size(what, size, body)
                batches.append(batch)
            names = reader.schema.names
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"{what}.{twice[0]}", "must be there once")
            table = pa.Table.from_batches(batches, reader.schema)
            return pa.table({name: _without_views(table[name]) for name in names})
    except InputError:
        raise
    except (pa.ArrowException, OSError, MemoryError, ValueError) as error:
        raise InputError(what, f"must be an Arrow stream: {error}") from error


def _check_size(what: str, size: int, body: bytes) -> None:
    if size > UNPACKED * len(body) + 4096:
        raise TooLargeError(what, f"must take at most {UNPACKED} times their body", size)


def _unfolded(column: pa.Array) -> int:
    """Bytes of texts that come as views when each is written out: many of them may be one long text."""
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    if not pa.types.is_string_view(texts.type) or not len(texts):
        return 0
    lengths = np.frombuffer(texts.buffers()[1], "<i4")[4 * texts.offset : 4 * (texts.offset + len(texts)) : 4]
    return int(np.maximum(lengths, 0).sum(dtype=np.int64))


def _without_views(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as all kernels take them; as views, which is how Polars sends them, few do."""
    kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if not (pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type)):
        return column
    chunks = [pa.DictionaryArray.from_arrays(c.indices, c.dictionary.cast(pa.large_string())) for c in column.chunks]
    return pa.chunked_array(chunks, pa.dictionary(kind.index_type, pa.large_string()))


def cast_to(where: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column as another type. Of moments what is finer than a millisecond is cut off, as of those in JSON.

    Raises:
        InputError: a value cannot be, or moments name no time zone.
    """
    try:
        if kind != MILLISECOND:
            return column.cast(kind)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = column.cast(pa.timestamp("ns", tz="UTC"))
        if not pa.types.is_timestamp(column.type):
            return column.cast(kind)
        if column.type.tz is None:
            raise InputError(where, "must name its time zone (UTC)")
        return column.cast(kind, safe=column.type.unit in ("s", "ms"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(where, f"must be a column of {kind}: {error}") from error


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """A column as it is stored; what is not there, or null, is empty."""
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)]) if _has_null(field) else _empty(table, field)
    column = cast_to(f"predictions.{field.name}", table[field.name], field.type)
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


def refuse(wrong: pa.ChunkedArray, what: str, name: str, rule: str) -> None:
    """Name the first row that is wrong; a null is.

    Raises:
        InputError: there is one.
    """
    found = pc.index(pc.fill_null(wrong, True), True).as_py()
    if found >= 0:
        raise InputError(f"{what}[{found}].{name}", rule)
