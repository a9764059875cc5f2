"""The state store: SQLite in WAL mode by default, PostgreSQL by URL; the schema moves by Alembic."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from wellkept.kernel.errors import StoreError
from wellkept.store.state import postgres
from wellkept.store.state.tables import metadata

MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = text("SELECT version_num FROM alembic_version")
_migrating = threading.Lock()
"""Alembic keeps its context in a module: one migration at a time in a process. Across processes the database waits."""

Fence = Callable[[Connection], None]
"""Looks, inside a unit of work, whether whoever does it may still do it; raises where it may not."""


class _Mine(threading.local):
    """What a thread is in the middle of."""

    connection: Connection | None = None
    fence: Fence | None = None


class State:
    """A handle on the state store. Safe to share between threads; each unit of work takes its own connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mine = _Mine()
        self.is_shared = engine.dialect.name != "sqlite"
        """Whether other servers may work on the same store."""

    @classmethod
    def open(cls, target: str | Path) -> State:
        """Open (and create or migrate) the store at a folder, or at a database URL.

        Raises:
            StoreError: the database cannot be opened or migrated.
        """
        try:
            engine = _engine(target)
            _migrate(engine)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise StoreError(f"state store cannot be opened: {type(error).__name__}: {_said(error)}") from error
        return cls(engine)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        Units of work of all threads and servers take turns, so what one reads is true until it is committed. One that
        is begun inside another (of the same thread) is a part of it.

        Raises:
            StoreError: the database refused. The message never carries row values.
        """
        if self._mine.connection is not None:
            with _translated():
                yield self._mine.connection
            return
        with _translated(), self._turn() as connection:
            if self._mine.fence is not None:
                self._mine.fence(connection)
            self._mine.connection = connection
            try:
                yield connection
            finally:
                self._mine.connection = None

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Connection]:
        """A transaction, begun when no other writer is at work."""
        with self._engine.connect() as connection:
            if self.is_shared:
                postgres.take_turn(connection)
            else:
                connection.begin()
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextlib.contextmanager
    def fenced(self, fence: Fence) -> Iterator[None]:
        """Have every unit of work that this thread begins in the block pass the fence first."""
        before, self._mine.fence = self._mine.fence, fence
        try:
            yield
        finally:
            self._mine.fence = before

    @contextlib.contextmanager
    def at_once(self) -> Iterator[Connection]:
        """A unit of work that waits for nobody but those who write the same rows, and passes no fence.

        Raises:
            StoreError: the database refused.
        """
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading alone: it sees one moment of the store, and never waits for a writer.

        Raises:
            StoreError: the database refused.
        """
        chosen = postgres.READING if self.is_shared else {"reading": True}
        with _translated(), self._engine.connect() as connection:
            yield connection.execution_options(**chosen)

    @property
    def url(self) -> str:
        """The database's URL, for a reader that never shows it to a person."""
        return self._engine.url.render_as_string(hide_password=False)

    def empty(self) -> None:
        """Delete every row; for replays, which need a fresh store."""
        with self.transaction() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())

    def close(self) -> None:
        self._engine.dispose()


def _engine(target: str | Path) -> Engine:
    url = make_url(target) if isinstance(target, str) and "://" in target else _file(Path(target))
    if url.get_backend_name() == "postgresql":
        return postgres.engine_of(postgres.url_of(url))
    engine = create_engine(url, hide_parameters=True)
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
    with _migrating, engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            postgres.migrate_alone(connection)
        if _revision(connection) != _newest():
            _upgrade(connection)
        if connection.dialect.name == "postgresql":
            postgres.widen(connection, list(metadata.tables))
        connection.commit()


def _revision(connection: Connection) -> str | None:
    """The migration that the store has come to; none where it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(_REVISION).scalar()


def _newest() -> str:
    """The last migration: the name of each file begins with its revision."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _upgrade(connection: Connection) -> None:
    """Apply what is missing. Alembic is dear to load, and a store that has come to the newest revision needs none."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"state store was written by another version of Wellkept: {error}") from error
