"""Batch scoring: a Parquet file of rows becomes the same file with a column of scores, part by part."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml.categories import is_text, texts_of
from wellkept.ml.inputspec import Input
from wellkept.ml.runtime import Matrix
from wellkept.ml.serve.served import Served

Column = NDArray[np.float64]
ROWS = 10_000
"""Rows that are scored in one go: few enough that their memory is used again, and that no core is done long before."""
AHEAD = 8
"""So many parts a thread are taken in before they are written: nobody idles while a row group is."""
GROUP_PARTS = 20
"""So many parts are a row group of the file that is written."""


def score_file(served: Served, rows: Path, out: Path, threads: int | None = None) -> int:
    """Score every row of a Parquet file; how many there were.

    The columns of the file stay as they are, and one called as the contract's output comes behind them, with the ends
    of its interval (``lower``, ``upper``) where the version answers with one. What is written
    is there whole or not at all. Parts are scored side by side by ``threads`` (None: one a core), and written in order;
    no more of the file is in memory than these are busy with.

    Raises:
        InputError: an input is missing, is not of numbers, or is null where the contract does not allow it; or the file
            has a column of the output's name.
    """
    file = _opened(rows)
    for entry in served.inputs:
        if entry.name not in file.schema_arrow.names:
            raise InputError(f"{rows}: {entry.name}", "is an input of the model and must be a column")
    schema = file.schema_arrow
    for name in served.outputs:
        if name in file.schema_arrow.names:
            raise InputError(f"{rows}: {name}", "is what the scores will be called and must not be a column")
        schema = schema.append(pa.field(name, pa.float64()))
    # Numbers that hardly repeat make no dictionary; to try costs more than to write them.
    texts = [field.name for field in schema if not pa.types.is_floating(field.type)]
    partial, count = out.with_name(f"{out.name}.partial"), 0
    try:
        with pq.ParquetWriter(partial, schema, compression="snappy", use_dictionary=texts) as writer:
            group: list[pa.RecordBatch] = []
            for part in _scored(served, file, rows, threads or os.cpu_count() or 1):
                group.append(part)
                count += part.num_rows
                if len(group) == GROUP_PARTS:
                    writer.write_table(pa.Table.from_batches(group))
                    group = []
            if group or not count:
                writer.write_table(pa.Table.from_batches(group, schema))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _scored(served: Served, file: pq.ParquetFile, rows: Path, threads: int) -> Iterator[pa.RecordBatch]:
    """The parts of a file with their scores, in order."""
    ahead: deque[Future[pa.RecordBatch]] = deque()
    first = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        try:
            for batch in file.iter_batches(ROWS):
                ahead.append(pool.submit(_part, served, batch, rows, first))
                first += batch.num_rows
                if len(ahead) > AHEAD * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _part(served: Served, batch: pa.RecordBatch, rows: Path, first: int) -> pa.RecordBatch:
    scores = np.ascontiguousarray(served.scorer.score(_matrix(served, batch, rows, first)), np.float64)
    if not np.isfinite(scores).all():
        bad = first + int(np.flatnonzero(~np.isfinite(scores))[0])
        raise WellkeptError(f"model {served.name}: the score of row {bad} is not a finite number")
    # What Arrow makes of an array by itself it makes with pandas, which takes as long to load as many rows to score.
    for name, values in zip(served.outputs, served.told(scores), strict=True):
        column = pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values)])
        batch = batch.append_column(pa.field(name, pa.float64()), column)
    return batch


def _opened(rows: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(rows, memory_map=True)  # read into memory of its own, a file costs several times as much
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(str(rows), f"must be a Parquet file: {error}") from error


def _matrix(served: Served, batch: pa.RecordBatch, rows: Path, first: int) -> Matrix:
    """The inputs of a part: float64[n, inputs], by the same rules as those of a request."""
    columns = np.empty((len(served.inputs), batch.num_rows))
    for index, entry in enumerate(served.inputs):
        try:
            values = _column(served, entry, batch.column(entry.name))
        except InputError as error:
            raise InputError(f"{rows}: {entry.name}", error.rule, error.value) from error
        except pa.ArrowInvalid as error:
            raise InputError(f"{rows}: {entry.name}", f"must be a column of numbers: {error}") from error
        except pa.ArrowNotImplementedError as error:
            kind = str(batch.column(entry.name).type)
            raise InputError(f"{rows}: {entry.name}", "must be a column of numbers", kind) from error
        columns[index] = values.to_numpy(zero_copy_only=False) if values.null_count else np.from_dlpack(values)
    if not np.isfinite(columns).all():
        for entry, values in zip(served.inputs, columns, strict=True):
            if not entry.is_category:
                _check_finite(entry, values, rows, first)
    found = columns.T
    try:
        served.rules.check(found)
    except InputError as error:
        raise InputError(f"{rows}, rows from {first}: {error.thing}", error.rule, error.value) from error
    return found


def _column(served: Served, entry: Input, column: pa.Array) -> pa.Array:
    """A column as float64; of a category the places among those that the version knows, and null for another."""
    if not entry.is_category:
        return column.cast(pa.float64())
    if not (is_text(column.type) or pa.types.is_null(column.type)):
        raise InputError(entry.name, "must be a column of texts, as it is a category", str(column.type))
    texts = texts_of(column)
    if texts.null_count and not entry.nullable:
        raise InputError(entry.name, "must not be null, nor empty")
    if entry.values:
        odd = pc.unique(texts.filter(pc.invert(pc.is_in(texts, pa.array(entry.values, pa.string()))))).drop_null()
        if len(odd):
            raise InputError(entry.name, f"must be one of {', '.join(entry.values)}", odd[0].as_py())
    known = pa.array(served.categories.get(entry.name, ()), pa.string())
    return pc.index_in(texts, known).cast(pa.float64())


def _check_finite(entry: Input, values: Column, rows: Path, first: int) -> None:
    empty = np.isnan(values)
    if not entry.nullable and empty.any():
        rule = f"must not be null, but is in row {first + int(np.flatnonzero(empty)[0])}"
        raise InputError(f"{rows}: {entry.name}", rule)
    infinite = values[np.isinf(values)]
    if len(infinite):
        raise InputError(f"{rows}: {entry.name}", "must be a finite number", float(infinite[0]))
