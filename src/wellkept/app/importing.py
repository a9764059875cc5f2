"""Files as bodies for the doors: recordings as OTLP, and lines, CSV and Parquet as JSON lines, piece by piece."""

from __future__ import annotations

import gzip
import itertools
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from wellkept.kernel.errors import InputError, NotFoundError

BODY_BYTES = 4 << 20
PROTOBUF, LINES = "application/x-protobuf", "application/x-ndjson"
_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One body, and the door that it is for. ``records`` is how many rows or lines it holds; 0 where nobody counted."""

    door: str
    media: str
    body: bytes
    records: int = 0


def pieces(path: Path, layout: Path | None = None) -> Iterator[Piece]:
    """The bodies of a file or of a recording's folder, in order. Only one of them is in memory at a time.

    Raises:
        NotFoundError: there is no such file or folder.
        InputError: it cannot be read as what its name says it is.
    """
    if path.is_dir():
        return _of_recording(path, layout)
    if not path.is_file():
        raise NotFoundError(f"file {path}", "is not there")
    match path.suffix.lower():
        case ".parquet" | ".csv":
            return _of_table(path)
        case ".gz":
            return _of_lines(path, cast("BinaryIO", gzip.open(path, "rb")))
        case _:
            return _of_lines(path, path.open("rb"))


def _of_recording(folder: Path, layout: Path | None) -> Iterator[Piece]:
    from wellkept.ops.ingest.recording.recording import find, read

    recording = read(find(folder, layout))
    arrivals = recording.arrivals(recording.first_ns - 1, recording.last_ns)
    for signal, arrived in itertools.groupby(arrivals, operator.itemgetter(0)):
        for body in _joined(body for _, body in arrived):
            yield Piece(f"/v1/{signal}", PROTOBUF, body)


def _joined(requests: Iterable[bytes]) -> Iterator[bytes]:
    """Recorded requests, many of which hold a line each, as few large ones: one behind the other they are one."""
    joined = bytearray()
    for request in requests:
        if joined and len(joined) + len(request) > BODY_BYTES:
            yield bytes(joined)
            joined.clear()
        joined += request
    yield bytes(joined)


def _of_lines(path: Path, file: BinaryIO) -> Iterator[Piece]:
    rest = b""
    try:
        with file:
            while chunk := file.read(BODY_BYTES):
                whole, newline, rest = (rest + chunk).rpartition(b"\n")
                if newline:
                    yield _lines(whole)
    except (OSError, EOFError) as error:
        raise InputError(f"file {path}", f"cannot be read: {error}") from error
    if rest:
        yield _lines(rest)


def _of_table(path: Path) -> Iterator[Piece]:
    """Rows as JSON objects by the names of their columns; what is empty is left out."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    try:
        rows = ds.dataset(path, format=path.suffix[1:].lower()).to_batches(batch_size=_ROWS)
        for batch in rows:
            yield from _cut([_line(row) for row in batch.to_pylist()])
    except pa.ArrowException as error:
        raise InputError(f"file {path}", f"cannot be read as a table: {error}") from error


def _line(row: dict[str, Any]) -> bytes:
    said = {name: value for name, value in row.items() if value not in (None, "")}
    return orjson.dumps(said, default=str, option=orjson.OPT_NON_STR_KEYS)


def _cut(lines: list[bytes]) -> Iterator[Piece]:
    start = size = 0
    for number, line in enumerate(lines):
        if size and size + len(line) > BODY_BYTES:
            yield Piece("/v1/lines", LINES, b"\n".join(lines[start:number]), number - start)
            start, size = number, 0
        size += len(line) + 1
    if start < len(lines):
        yield Piece("/v1/lines", LINES, b"\n".join(lines[start:]), len(lines) - start)


def _lines(body: bytes) -> Piece:
    return Piece("/v1/lines", LINES, body, sum(bool(line.strip()) for line in body.split(b"\n")))
