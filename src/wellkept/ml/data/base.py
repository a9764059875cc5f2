"""What a connector is: the contract, what it is asked, what it gives back, and what it may reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ml.data.secrets import Secrets
from wellkept.ml.part import Part


@dataclass(frozen=True, slots=True)
class DataSettings:
    """What sources of training data may reach and take."""

    folders: tuple[Path, ...] = ()
    """Folders beside the project's own that files may be read from."""
    secrets: Path | None = None
    """A YAML file of names and URLs of databases, readable for its owner alone; the environment is asked first."""
    max_rows: int = 50_000_000
    """More rows than this are read of no source."""
    timeout_s: float = 600.0
    """Reading one source may take so long."""

    def __post_init__(self) -> None:
        for name in ("max_rows", "timeout_s"):
            if getattr(self, name) <= 0:
                raise InputError(f"ml.data.{name}", "must be above 0", getattr(self, name))


@dataclass(frozen=True, slots=True)
class Reach:
    """What the platform lets its workers reach: the settings, its own data folder, and the key of masks."""

    settings: DataSettings = DataSettings()
    platform: Path | None = None
    mask_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What the process that reads may reach."""

    project: Path
    folders: tuple[Path, ...] = ()
    secrets: Secrets = field(default_factory=Secrets)
    platform: Path | None = None
    """The data folder of the platform, which holds its address and token; None: what the environment names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a connector is asked for: rows of ``[start, end)``, not more than ``max_rows`` of them.

    ``columns`` are those that are wanted (empty: all), ``time`` is the column of the moment (empty: there is none). A
    connector may give rows of other moments and more columns; they are left out afterwards.
    """

    source: str
    start: datetime
    end: datetime
    columns: tuple[str, ...]
    time: str
    max_rows: int
    timeout_s: float
    access: Access

    def collected(self, batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema | None = None) -> pa.Table:
        """The batches as one table; columns whose type differs between them take the wider one.

        Raises:
            TooLargeError: there are more rows than may be; no more than one batch too many is read.
            InputError: a column has values of types that do not go together.
        """
        parts: list[pa.Table] = []
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            if rows > self.max_rows:
                raise TooLargeError(
                    f"source {self.source}",
                    f"must be at most {self.max_rows:,} rows (max_rows, and ml.data.max_rows); narrow it",
                    f"more than {rows - 1:,}",
                )
            parts.append(batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch]))
        if not parts:
            return (schema or pa.schema([])).empty_table()
        try:
            return pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"source {self.source}", f"has a column of several types: {error}") from error


@dataclass(frozen=True, slots=True)
class Found:
    """What a connector read. ``origin`` says where it came from, in JSON values and without any secret: the query, the
    files with their digests.
    """

    table: pa.Table
    origin: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Connector(Protocol):
    """One way of reading rows. It only reads, keeps nothing between two calls, and gives the same rows for the same
    data.

    ``Options`` is what the contract may say of such a source beside what every source has.
    """

    name: str
    version: str
    Options: type[Part]

    def read(self, options: Any, asked: Asked) -> Found:
        """The rows.

        Raises:
            InputError: they cannot be read; it says what to do, and no secret.
            TooLargeError: there are too many.
        """
        ...
