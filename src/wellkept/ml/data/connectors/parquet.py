"""Parquet files: one, or all that a pattern names."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import Field

from wellkept.kernel.errors import InputError
from wellkept.ml.data.base import Asked, Found
from wellkept.ml.data.files import digests, files_of
from wellkept.ml.part import Part


class ParquetFiles:
    """Reads only the columns that are wanted, and only the row groups of the span where times are timestamps."""

    name = "parquet"
    version = "1"

    class Options(Part):
        """Where the files lie, relative to the project."""

        path: Annotated[str, Field(min_length=1, max_length=1000)]

    def read(self, options: Options, asked: Asked) -> Found:
        files = files_of(asked.access, asked.source, options.path)
        told = {"path": options.path, "files": digests(asked.access, files)}
        try:
            rows = ds.dataset([str(file) for file in files], format="parquet")
            known = set(rows.schema.names)
            columns = [name for name in asked.columns if name in known] or None
            scanner = rows.scanner(columns=columns, filter=_span(rows.schema, asked))
            table = asked.collected(scanner.to_batches(), scanner.projected_schema)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"source {asked.source}", f"{options.path} cannot be read as Parquet: {error}") from error
        return Found(table, told)


def _span(schema: pa.Schema, asked: Asked) -> ds.Expression | None:
    """The filter by time where the column's type lets the file's own statistics decide."""
    if asked.time not in schema.names or not pa.types.is_timestamp(schema.field(asked.time).type):
        return None
    kind = schema.field(asked.time).type
    utc = pa.timestamp("us", tz="UTC")
    ends = [pa.scalar(moment, utc) for moment in (asked.start, asked.end)]
    start, end = (one.cast(pa.timestamp("us", tz=kind.tz or "UTC")) for one in ends)
    if kind.tz is None:
        start, end = (pa.scalar(one.value, pa.timestamp("us")) for one in (start, end))
    return (ds.field(asked.time) >= start) & (ds.field(asked.time) < end)
