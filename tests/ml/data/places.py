"""Where connectors read in tests: files and SQLite databases of a folder, and what they are asked."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.checks.connectors import Place
from wellkept.ml.data.base import Access, Asked
from wellkept.ml.data.connectors.adbc import AdbcQuery
from wellkept.ml.data.connectors.csv import CsvFiles
from wellkept.ml.data.connectors.parquet import ParquetFiles
from wellkept.ml.data.connectors.sql import SqlQuery
from wellkept.ml.data.secrets import Secrets

SECRET = "hunter2-of-the-warehouse"
QUERY = "SELECT time, key, value FROM rows WHERE time >= :start AND time < :end"


@dataclass
class World:
    """A project's folder and the environment of the process that reads."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def access(self) -> Access:
        return Access(self.folder, secrets=Secrets(None, self.environment))

    def ask(self, start: datetime, end: datetime, limit: int) -> Asked:
        return Asked("rows", start, end, (), "time", limit, 10.0, self.access)


def parquet(world: World) -> Place:
    def put(table: pa.Table) -> Any:
        pq.write_table(table, world.folder / "rows.parquet")
        return ParquetFiles.Options(path="rows.parquet")

    return Place(put, world.ask, ParquetFiles.Options(path="none.parquet"))


def comma(world: World) -> Place:
    def put(table: pa.Table) -> Any:
        with (world.folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(table.column_names)
            for row in table.to_pylist():
                moment = row["time"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
                out.writerow([moment, row["key"], "" if row["value"] is None else row["value"]])
        return CsvFiles.Options(path="rows.csv", types={"time": "time", "key": "text", "value": "float"})

    return Place(put, world.ask, CsvFiles.Options(path="none.csv"))


def database(world: World, table: pa.Table) -> Path:
    """The rows as a table of an SQLite database; moments as SQLAlchemy writes them."""
    file = world.folder / f"{SECRET}.db"
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE rows (time TEXT, key TEXT, value REAL)")
        written = [
            (row["time"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"), row["key"], row["value"])
            for row in table.to_pylist()
        ]
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", written)
    connection.close()
    return file


def sql(world: World) -> Place:
    def put(table: pa.Table) -> Any:
        world.environment["ROWS_DB"] = f"sqlite:///{database(world, table)}"
        return SqlQuery.Options(url="ROWS_DB", query=QUERY)

    world.environment["ASTRAY"] = f"sqlite:////no/such/{SECRET}/folder.db"
    return Place(put, world.ask, SqlQuery.Options(url="ASTRAY", query=QUERY), SECRET)


def adbc(world: World) -> Place:
    def put(table: pa.Table) -> Any:
        world.environment["ROWS_URI"] = str(database(world, table))
        return AdbcQuery.Options(driver="adbc_driver_sqlite", uri="ROWS_URI", query=QUERY, moments="text")

    world.environment["ASTRAY_URI"] = f"/no/such/{SECRET}/folder.db"
    return Place(put, world.ask, AdbcQuery.Options(driver="adbc_driver_sqlite", uri="ASTRAY_URI", query=QUERY), SECRET)


PLACES: dict[str, Callable[[World], Place]] = {"parquet": parquet, "csv": comma, "sql": sql, "adbc": adbc}
