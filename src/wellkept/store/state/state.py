"""The state store: SQLite in WAL mode by default, PostgreSQL by URL; the schema moves by Alembic."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from wellkept.kernel.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
_migrating = threading.Lock()
"""Alembic keeps its context in a module: one migration at a time in a process. Across processes the database waits."""


class State:
    """A handle on the state store. Safe to share between threads; each unit of work takes its own connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, target: str | Path) -> State:
        """Open (and create or migrate) the store at a folder, or at a database URL.

        Raises:
            StoreError: the database cannot be opened or migrated.
        """
        try:
            engine = _engine(target)
            _migrate(engine)
        except CommandError as error:
            raise StoreError(f"state store was written by another version of Wellkept: {error}") from error
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise StoreError(f"state store cannot be opened: {type(error).__name__}: {_said(error)}") from error
        return cls(engine)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        Raises:
            StoreError: the database refused. The message never carries row values.
        """
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading alone: it sees one moment of the store, and never waits for a writer.

        Raises:
            StoreError: the database refused.
        """
        with _translated(), self._engine.connect() as connection:
            yield connection.execution_options(reading=True)

    @property
    def url(self) -> str:
        """The database's URL, for a reader that never shows it to a person."""
        return self._engine.url.render_as_string(hide_password=False)

    def close(self) -> None:
        self._engine.dispose()


def _engine(target: str | Path) -> Engine:
    url = target if isinstance(target, str) and "://" in target else _file(Path(target))
    is_sqlite = str(url).startswith("sqlite")
    pool = {} if is_sqlite else {"pool_size": 8, "max_overflow": 16}
    engine = create_engine(url, hide_parameters=True, **pool)
    if is_sqlite:
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _begin)
    return engine


def _file(folder: Path) -> URL:
    folder.mkdir(parents=True, exist_ok=True)
    return URL.create("sqlite", database=str(folder.resolve() / "state.sqlite"))


def _durable_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=15000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Writers take the write lock at once: a reader that turns writer half way would meet 'database is locked'."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"state store: {type(_cause(error)).__name__}: {_said(error)}") from error


def _cause(error: Exception) -> BaseException:
    return getattr(error, "orig", None) or error


def _said(error: Exception) -> str:
    """The first line of what the driver says: the lines below it may quote rows."""
    return next(iter(str(_cause(error)).splitlines()), "")[:200]


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _migrating, engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
