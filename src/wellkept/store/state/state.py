"""The state store: SQLite in WAL mode by default, PostgreSQL by URL; the schema moves by Alembic."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from wellkept.kernel.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


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
        url = str(target)
        if "://" not in url:
            Path(url).mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{Path(url).resolve() / 'state.sqlite'}"
        engine = create_engine(url, pool_size=8, max_overflow=16) if "sqlite" not in url else create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _durable_sqlite)
            event.listen(engine, "begin", _begin)
        try:
            _migrate(engine)
        except SQLAlchemyError as error:
            raise StoreError(f"state store cannot be opened: {type(error).__name__}") from error
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
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"state store: {type(cause).__name__}: {str(cause)[:200]}") from error


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
