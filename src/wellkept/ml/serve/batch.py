"""Batch scoring: a Parquet file of rows becomes the same file with a column of scores, part by part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import InputError
from wellkept.ml.runtime import Matrix
from wellkept.ml.serve.served import Served

ROWS = 50_000
"""Rows that are in memory at once."""


def score_file(served: Served, rows: Path, out: Path) -> int:
    """Score every row of a Parquet file; how many there were.

    The columns of the file stay as they are, and one called as the contract's output comes behind them. What is written
    is there whole or not at all.

    Raises:
        InputError: an input is missing, is not of numbers, or is null where the contract does not allow it; or the file
            has a column of the output's name.
    """
    file = _opened(rows)
    name = served.contract.output.name
    for entry in served.inputs:
        if entry.name not in file.schema_arrow.names:
            raise InputError(f"{rows}: {entry.name}", "is an input of the model and must be a column")
    if name in file.schema_arrow.names:
        raise InputError(f"{rows}: {name}", "is what the scores will be called and must not be a column")
    partial, count = out.with_name(f"{out.name}.partial"), 0
    schema = file.schema_arrow.append(pa.field(name, pa.float64()))
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for batch in file.iter_batches(ROWS):
                table = pa.Table.from_batches([batch])
                scores = served.scorer.score(_matrix(served, table, rows, count))
                writer.write_table(table.append_column(schema.field(name), pa.array(scores, pa.float64())))
                count += table.num_rows
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _opened(rows: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(str(rows), f"must be a Parquet file: {error}") from error


def _matrix(served: Served, table: pa.Table, rows: Path, first: int) -> Matrix:
    columns = []
    for entry in served.inputs:
        try:
            values = table[entry.name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            raise InputError(f"{rows}: {entry.name}", f"must be a column of numbers: {error}") from error
        except pa.ArrowNotImplementedError as error:
            kind = str(table[entry.name].type)
            raise InputError(f"{rows}: {entry.name}", "must be a column of numbers", kind) from error
        empty = np.flatnonzero(np.isnan(values))
        if len(empty) and not entry.nullable:
            raise InputError(f"{rows}: {entry.name}", f"must not be null, but is in row {first + int(empty[0])}")
        if np.isinf(values).any():
            raise InputError(f"{rows}: {entry.name}", "must be a finite number", float(values[np.isinf(values)][0]))
        columns.append(values)
    return np.column_stack(columns)
