"""CSV files: one, or all that a pattern names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.csv as arrow_csv
from pydantic import Field

from wellkept.kernel.errors import InputError
from wellkept.ml.data.base import Asked, Found
from wellkept.ml.data.files import digests, files_of
from wellkept.ml.part import Part

TYPES = {
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "time": pa.timestamp("us"),
}
BLOCK = 8 << 20


class CsvFiles:
    """Reads files with a line of names on top, block by block; types are told from the first block or by ``types``."""

    name = "csv"
    version = "1"

    class Options(Part):
        """Where the files lie, relative to the project, and how they are written."""

        path: Annotated[str, Field(min_length=1, max_length=1000)]
        types: dict[str, Literal["float", "int", "bool", "text", "time"]] = Field(default={})
        delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
        nulls: tuple[str, ...] = ("", "NA", "NULL", "null", "NaN", "nan")

    def read(self, options: Options, asked: Asked) -> Found:
        files = files_of(asked.access, asked.source, options.path)
        told = {"path": options.path, "files": digests(asked.access, files)}
        return Found(asked.collected(batch for file in files for batch in _batches(file, options, asked)), told)


def _batches(file: Path, options: CsvFiles.Options, asked: Asked) -> Iterator[pa.RecordBatch | pa.Table]:
    convert = arrow_csv.ConvertOptions(
        column_types={name: TYPES[kind] for name, kind in options.types.items()},
        null_values=list(options.nulls),
        strings_can_be_null=True,
        include_columns=list(asked.columns) or None,
        include_missing_columns=False,
    )
    parse = arrow_csv.ParseOptions(delimiter=options.delimiter, newlines_in_values=True)
    read = arrow_csv.ReadOptions(block_size=BLOCK)
    try:
        with arrow_csv.open_csv(file, read_options=read, parse_options=parse, convert_options=convert) as reader:
            yield reader.schema.empty_table()
            yield from reader
    except pa.ArrowKeyError as error:
        raise InputError(
            f"source {asked.source}", f"{file.name} has not every column that is asked for: {error}"
        ) from error
    except (pa.ArrowException, OSError) as error:
        hint = "say what the column is by types, and correct the file or make it text"
        raise InputError(f"source {asked.source}", f"{file.name} cannot be read as CSV ({hint}): {error}") from error
