"""The telemetry engine behind one small interface; embedded it is chDB, the ClickHouse engine in this process.

Only statements from this package reach the engine, and values are bound parameters: the embedded engine could read
any file of the machine through ``file()``, so no SQL text from outside ever gets here.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

import chdb
import pyarrow as pa

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry.arrow import stream
from wellkept.store.telemetry.binding import Parameters, bind
from wellkept.store.telemetry.bodies import BodyFiles
from wellkept.store.telemetry.failures import of_opening, translate
from wellkept.store.telemetry.pool import Pool
from wellkept.store.telemetry.proof import Proof
from wellkept.store.telemetry.space import Space, free_of

_INSERT = re.compile(r"(?:\s*--[^\n]*\n)*\s*INSERT\b")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_SESSION = (
    "SET output_format_arrow_compression_method = 'none'"
    ", output_format_arrow_string_as_string = 1"
    ", schema_inference_use_cache_for_file = 0"
    ", max_partitions_per_insert_block = 500"
    ", optimize_on_insert = 0"
    ", materialize_ttl_after_modify = 0"
    ", max_threads = 2"
    ", enable_time_series_aggregate_functions = 1"
    ", min_count_to_compile_expression = 100"
    ", min_count_to_compile_aggregate_expression = 100"
    ", min_count_to_compile_sort_description = 100"
)
"""What every connection is set to. Two threads a query: one query must not starve the others of a small machine.

To compile an expression takes 30 ms, which are won back by much data alone: so it has to be met a hundred times before.
"""

DECODING_BYTES, DECODED_ROWS = 1 << 30, 4_000_000
"""What decoding a group may take, and what it may give: many times what ordinary ones do, and far less than what
millions of empty messages in one body would."""
_DECODING = (
    ", format_schema = {schema:String}, query_plan_enable_optimizations = 0, max_threads = 1"
    f", max_memory_usage = {DECODING_BYTES}, max_result_rows = {DECODED_ROWS}"
)
"""To decode a body is one pass: a plan that is made better costs more than it saves, and one thread keeps the order."""
LONGEST_TEXT = 32 << 20
_BY_ROWS = f", max_block_size = 4096, format_binary_max_string_size = {LONGEST_TEXT}"
"""Of rows, so many at once as stay in the processor's cache; and no row makes room for more than a body can hold."""

_AS_DICTIONARY = ", output_format_arrow_low_cardinality_as_dictionary = 1"


class Engine(Protocol):
    """What the telemetry store needs of an engine, embedded or a server.

    ``space`` and ``proof`` see to it that nothing counts as stored that a full disk did not take.
    """

    space: Space
    proof: Proof

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        limit_s: float = 30.0,
        limit_bytes: int = 0,
        writing: bool = False,
    ) -> pa.Table:
        """Run a SELECT and give its result; a query that takes longer than ``limit_s`` is ended.

        ``writing``: it is part of a write, and must not wait until readers are done.

        Raises:
            SlowError: it ran out of the time allowed.
            OverloadError: it ran out of memory; ``limit_bytes`` is what it may take (0: what there is).
            StoreError: the engine refused or failed.
        """
        ...

    def blocks(
        self, sql: str, parameters: Parameters | None = None, *, limit_s: float = 30.0
    ) -> Generator[pa.RecordBatch]:
        """Run a SELECT and give its rows block by block, so that memory does not grow with them; close it when done.

        Columns of repeating texts come as numbers of a dictionary. Errors as of ``query``.
        """
        ...

    def query_body(
        self,
        sql: str,
        body: bytes | pa.Buffer,
        parameters: Parameters | None = None,
        *,
        schema: str | None = None,
        limit_s: float = 30.0,
        limit_bytes: int = 0,
        writing: bool = False,
    ) -> pa.Table:
        """Run a SELECT over ``file({body:String}, ...)``, where the file is ``body``.

        ``schema``: the body is a request to decode, and rows come in its order. It is the file and the message that a
        protobuf body follows (``otlp.schema.schema_path``), or an empty text where the body is of rows.

        Raises:
            BodyError: the body is at fault (``failures.BodyError``). The rest as of ``query``.
        """
        ...

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that gives no rows (schema, INSERT ... SELECT between tables)."""
        ...

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        """Insert Arrow rows into ``table``, columns by name; it returns when they are stored."""
        ...

    def insert_body(self, statement: str, body: bytes | pa.Buffer, parameters: Parameters | None = None) -> None:
        """Run an INSERT ... SELECT over ``file({body:String}, ...)``, where the file is ``body``.

        Raises:
            BodyError: the body is at fault (``failures.BodyError``).
            StoreError: the engine failed.
            OverloadError: the engine cannot take more at the moment.
        """
        ...

    def close(self) -> None:
        """Let go of the data folder; what was inserted is on disk already."""
        ...


class EmbeddedEngine:
    """chDB with its data in ``folder``; a database in it is a store of its own.

    One connection runs one query at a time, so there is a pool: ``readers`` for queries and ``writers`` for the
    rest, so that neither waits for the other. A process can have one folder open, and a folder one process.

    Raises:
        StoreError: the folder is open in another process, or this process has another folder open.
    """

    def __init__(self, folder: Path, *, database: str = "wellkept", readers: int = 3, writers: int = 3) -> None:
        if not _IDENTIFIER.match(database):
            raise StoreError(f"telemetry database: must be an identifier, got {database!r}")
        self.folder, self.database = folder, database
        folder.mkdir(parents=True, exist_ok=True)
        self.space, self.proof = Space(free_of(folder)), Proof(self)
        self._readers, self._writers = Pool(), Pool()
        self._files = BodyFiles()
        try:
            for pool, size in ((self._readers, readers), (self._writers, writers)):
                for _ in range(size):
                    self._connect(pool)
        except RuntimeError as error:
            self.close()
            raise of_opening(folder, error) from error

    def _connect(self, pool: Pool) -> None:
        connection: Any = chdb.connect(str(self.folder))  # type: ignore[no-untyped-call]
        pool.add(connection)
        connection.query(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        connection.query(f"USE {self.database}")
        connection.query(_SESSION)

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        limit_s: float = 30.0,
        limit_bytes: int = 0,
        writing: bool = False,
    ) -> pa.Table:
        text = f"{sql}\nSETTINGS max_execution_time = {float(limit_s)}, max_memory_usage = {int(limit_bytes)}"
        return self._read("query", text, parameters, self._writers if writing else self._readers)

    def blocks(
        self, sql: str, parameters: Parameters | None = None, *, limit_s: float = 30.0
    ) -> Generator[pa.RecordBatch]:
        text = f"{sql}\nSETTINGS max_execution_time = {float(limit_s)}{_AS_DICTIONARY}"
        values = bind(parameters)
        with self._readers.lend() as connection:
            try:
                with connection.send_query(text, "ArrowStream", params=values) as found:
                    for block in found:
                        yield from pa.ipc.open_stream(pa.py_buffer(block.bytes()))
            except (RuntimeError, chdb.ChdbError) as error:
                _drain(connection)
                raise translate("query", RuntimeError(str(error))) from error

    def query_body(
        self,
        sql: str,
        body: bytes | pa.Buffer,
        parameters: Parameters | None = None,
        *,
        schema: str | None = None,
        limit_s: float = 30.0,
        limit_bytes: int = 0,
        writing: bool = False,
    ) -> pa.Table:
        text = f"{sql}\nSETTINGS max_execution_time = {float(limit_s)}, max_memory_usage = {int(limit_bytes)}"
        values: dict[str, object] = dict(parameters or {})
        if schema is not None:
            text, values["schema"] = text + _DECODING + ("" if schema else _BY_ROWS), schema
        with self._files.holding(body) as path:
            values["body"] = path
            what = "look at a body" if schema is None else "decode"
            return self._read(what, text, values, self._writers if writing else self._readers)

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        if _INSERT.match(sql):
            self._insert("command", sql, parameters)
        else:
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
        self.insert_body(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM file({{body:String}}, 'ArrowStream')",  # noqa: S608 - identifiers
            stream(rows),
        )

    def insert_body(self, statement: str, body: bytes | pa.Buffer, parameters: Parameters | None = None) -> None:
        with self._files.holding(body) as path:
            self._insert("insert", statement, {**(parameters or {}), "body": path})

    def drop(self) -> None:
        """Drop the whole database; for tests and for a replay into a fresh store."""
        self.command(f"DROP DATABASE IF EXISTS {self.database} SYNC")

    def close(self) -> None:
        """Let go of the data folder. A statement that is under way is waited for; what comes after it is refused."""
        self._readers.close()
        self._writers.close()
        self._files.close()

    def _read(self, what: str, sql: str, parameters: Parameters | None, pool: Pool) -> pa.Table:
        values = bind(parameters)
        with pool.lend() as connection:
            try:
                # A copy: the engine's own view of a result keeps nothing alive, and the table would outlive its memory.
                stream = connection.query(sql, "ArrowStream", params=values).bytes()
            except RuntimeError as error:
                _drain(connection)
                raise translate(what, error) from (None if what == "decode" else error)
        return pa.ipc.open_stream(pa.py_buffer(stream)).read_all()

    def _insert(self, what: str, sql: str, parameters: Parameters | None) -> None:
        """Write where there is room, and where there is little, read back what was written."""
        self.space.guard()
        was_tight, began = self.space.is_tight(), int(time.time())
        self._write(what, sql, parameters)
        if was_tight or self.space.is_tight():
            self.proof.of_insert(began)

    def _write(self, what: str, sql: str, parameters: Parameters | None) -> None:
        values = bind(parameters)
        with self._writers.lend() as connection:
            try:
                connection.query(sql, "Null", params=values)
            except RuntimeError as error:
                # Of an insert, the engine's own message quotes the rows that it choked on: it is not carried along.
                raise translate(what, error) from (None if what == "insert" else error)


def _drain(connection: Any) -> None:
    """Throw away what a failed query had put out already: the engine would set it before its next result."""
    with contextlib.suppress(RuntimeError):  # a connection that cannot even do this says so to the next caller
        connection.query("SELECT 1", "CSV")
