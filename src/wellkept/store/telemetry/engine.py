"""The telemetry engine behind one small interface; embedded it is chDB, the ClickHouse engine in this process.

Only statements from this package reach the engine, and values are bound parameters: the embedded engine could read
any file of the machine through ``file()``, so no SQL text from outside ever gets here.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import chdb
import pyarrow as pa

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import OverloadError, StoreError

Parameters = Mapping[str, object]

_TOO_MANY_PARTS, _MEMORY_LIMIT, _NO_SPACE = 252, 241, 243
_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_SESSION = (
    "SET output_format_arrow_compression_method = 'none'",
    "SET output_format_arrow_string_as_string = 1",
    "SET schema_inference_use_cache_for_file = 0",
    "SET max_partitions_per_insert_block = 500",
    "SET optimize_on_insert = 0",
    "SET materialize_ttl_after_modify = 0",
    "SET max_threads = 2",
)
"""What every connection is set to. Two threads a query: one query must not starve the others of a small machine."""


class Engine(Protocol):
    """What the telemetry store needs of an engine, embedded or a server."""

    def query(self, sql: str, parameters: Parameters | None = None, *, limit_s: float = 30.0) -> pa.Table:
        """Run a SELECT and give its result; a query that takes longer than ``limit_s`` is ended.

        Raises:
            StoreError: the engine refused, failed, or ran out of the time allowed.
        """
        ...

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that gives no rows (schema, INSERT ... SELECT between tables)."""
        ...

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        """Insert Arrow rows into ``table``, columns by name; it returns when they are stored."""
        ...

    def insert_body(self, statement: str, body: bytes, parameters: Parameters | None = None) -> None:
        """Run an INSERT ... SELECT over ``file({body:String}, ...)``, where the file is ``body``."""
        ...

    def close(self) -> None:
        """Let go of the data folder; what was inserted is on disk already."""
        ...


class EmbeddedEngine:
    """chDB with its data in ``folder``; a database in it is a store of its own.

    One connection runs one query at a time, so there is a pool: ``readers`` for queries, two for writes, apart from
    one another so that neither waits for the other. A process can have one folder open, and a folder one process.

    Raises:
        StoreError: the folder is open in another process, or this process has another folder open.
    """

    def __init__(self, folder: Path, *, database: str = "wellkept", readers: int = 3, writers: int = 3) -> None:
        if not _IDENTIFIER.match(database):
            raise StoreError(f"telemetry database: must be an identifier, got {database!r}")
        self.folder, self.database = folder, database
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)
        self._all: list[Any] = []
        self._readers: queue.LifoQueue[Any] = queue.LifoQueue()
        self._writers: queue.LifoQueue[Any] = queue.LifoQueue()
        try:
            for pool, size in ((self._readers, readers), (self._writers, writers)):
                for _ in range(size):
                    pool.put(self._connect())
        except RuntimeError as error:
            self.close()
            raise _open_error(folder, error) from error

    def _connect(self) -> Any:
        connection: Any = chdb.connect(str(self.folder))  # type: ignore[no-untyped-call]
        self._all.append(connection)
        connection.query(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        connection.query(f"USE {self.database}")
        for setting in _SESSION:
            connection.query(setting)
        return connection

    def query(self, sql: str, parameters: Parameters | None = None, *, limit_s: float = 30.0) -> pa.Table:
        text = f"{sql}\nSETTINGS max_execution_time = {float(limit_s)}"
        with self._borrow(self._readers) as connection:
            try:
                result = connection.query(text, "ArrowStream", params=_bind(parameters))
            except RuntimeError as error:
                raise _translate("query", error) from error
        # A copy: the engine's own view of the result keeps nothing alive, and the table would outlive its memory.
        return pa.ipc.open_stream(pa.py_buffer(result.bytes())).read_all()

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        self._write("command", sql, parameters)

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        if not _IDENTIFIER.match(table):
            raise StoreError(f"telemetry table: must be an identifier, got {table!r}")
        if rows.num_rows == 0:
            return
        names = rows.column_names
        if not all(_IDENTIFIER.match(name) for name in names):
            raise StoreError(f"columns of {table}: must be identifiers, got {names!r}")
        columns = ", ".join(names)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        self.insert_body(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM file({{body:String}}, 'ArrowStream')",
            sink.getvalue(),
        )

    def insert_body(
        self, statement: str, body: bytes | pa.Buffer, parameters: Parameters | None = None
    ) -> None:
        with _as_file(body) as path:
            self._write("insert", statement, {**(parameters or {}), "body": path})

    def drop(self) -> None:
        """Drop the whole database; for tests and for a replay into a fresh store."""
        self.command(f"DROP DATABASE IF EXISTS {self.database} SYNC")

    def close(self) -> None:
        self._closed = True
        for connection in self._all:
            connection.close()
        self._all.clear()

    def _write(self, what: str, sql: str, parameters: Parameters | None) -> None:
        with self._borrow(self._writers) as connection:
            try:
                connection.query(sql, "Null", params=_bind(parameters))
            except RuntimeError as error:
                # Of an insert, the engine's own message quotes the rows that it choked on: it is not carried along.
                raise _translate(what, error) from (None if what == "insert" else error)

    @contextlib.contextmanager
    def _borrow(self, pool: queue.LifoQueue[Any]) -> Iterator[Any]:
        if self._closed:
            raise StoreError(f"telemetry engine in {self.folder}: is closed")
        connection = pool.get()
        try:
            yield connection
        finally:
            pool.put(connection)


@contextlib.contextmanager
def _as_file(body: bytes | pa.Buffer) -> Iterator[str]:
    """A path under which the engine can read ``body``; it lives in memory and has no name anywhere else."""
    descriptor = os.memfd_create("wellkept-body")
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(descriptor, view) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _translate(what: str, error: RuntimeError) -> StoreError | OverloadError:
    """A foreign error as ours: the engine's code and its name for it, never its message, which may quote rows."""
    text = str(error)
    code = int(found.group(1)) if (found := _CODE.search(text)) else 0
    name = names[-1] if (names := _NAME.findall(text)) else "unknown error"
    if code in (_TOO_MANY_PARTS, _MEMORY_LIMIT, _NO_SPACE):
        return OverloadError(f"telemetry engine, {what}: {name} (code {code})", retry_after_s=5)
    return StoreError(f"telemetry engine, {what}: {name} (code {code})")


def _open_error(folder: Path, error: RuntimeError) -> StoreError:
    text = str(error)
    if "already initialized" in text:
        rule = "this process has another telemetry folder open, and can have one at a time"
    elif "initializing EmbeddedServer" in text:
        rule = "cannot be opened; most likely another process has it open"
    else:
        rule = str(_translate("open", error))
    return StoreError(f"telemetry folder {folder}: {rule}")


def _bind(parameters: Parameters | None) -> dict[str, str]:
    """Parameters in the text form in which the engine parses them."""
    return {name: _text(value) for name, value in (parameters or {}).items()}


def _text(value: object) -> str:
    match value:
        case None:
            return "\\N"
        case bool():
            return "1" if value else "0"
        case str():
            return value.translate(_ESCAPES)
        case datetime():
            seconds, nanos = divmod(to_nanos(value.astimezone(UTC)), 1_000_000_000)
            return f"{seconds}.{nanos:09d}"
        case list() | tuple():
            return "[" + ",".join(_item(v) for v in value) + "]"
        case _:
            return str(value)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b"})


def _item(value: object) -> str:
    """A value inside an array, where texts are quoted and nothing is a word."""
    return _quote(value) if isinstance(value, str) else "NULL" if value is None else _text(value)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
