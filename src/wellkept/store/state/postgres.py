"""What is PostgreSQL's own: how it is reached, and how it is made to keep what SQLite keeps by itself.

SQLite has one writer at a time, and much rests on that: numbers that grow with every commit, chains in which each entry
holds the hash of the one before, "at most one is open". Here writers of all servers take turns by a lock that ends with
their transaction. So what is read in a unit of work is still true when it is committed, and a reader that goes on from
a number that it has seen never misses a lower one that is committed later: numbers are given under the lock.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy import event as events
from sqlalchemy.exc import ArgumentError, OperationalError

from wellkept.kernel.codec import encode

DRIVER = "postgresql+psycopg"
WAIT_MS, WAITS = 3_000, 5
"""So long a writer waits for its turn before it looks who holds everybody up, and so often."""
STALLED_MS = 5_000
"""A unit of work that does nothing for so long is ended: whoever began it has stalled, and all others wait."""
MIGRATION_MS = 120_000
CONNECT_S = 5
POOL, MORE = 8, 16
NUL, INSTEAD = "\x00", "\ufffd"
READING: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Options of a connection that reads alone: it sees one moment, as a reader of SQLite does."""

_OURS = 0x57656C6C
"""The first half of the keys of our advisory locks."""
_TURN = text("SELECT set_config('idle_in_transaction_session_timeout', :stalled, true), pg_advisory_xact_lock(:a, :b)")
_PATIENCE = text("SELECT set_config('lock_timeout', :patience, true)")
_LOCK = text("SELECT pg_advisory_xact_lock(:a, :b)")
_STALLED = text("""
    SELECT pg_terminate_backend(activity.pid) FROM pg_stat_activity AS activity JOIN pg_locks AS locks USING (pid)
    WHERE locks.locktype = 'advisory' AND locks.granted AND locks.classid = :a AND locks.objid = :b
      AND activity.datname = current_database() AND activity.wait_event = 'ClientRead'
      AND activity.state_change < clock_timestamp() - make_interval(secs => :stalled_s)
""")
_WRITING, _MIGRATING = 1, 2
_LOCK_NOT_AVAILABLE = "55P03"

_NARROW = text("""
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = ANY(:tables)
      AND ((data_type = 'character varying' AND character_maximum_length IS NOT NULL) OR data_type = 'integer')
    ORDER BY table_name, column_name
""")
_SEQUENCES = text("""
    SELECT sequence_name FROM information_schema.sequences
    WHERE sequence_schema = current_schema() AND data_type = 'integer' ORDER BY sequence_name
""")


def url_of(url: URL) -> URL:
    """The URL as the engine wants it."""
    return url.set(drivername=DRIVER)


def carries_password(text: str) -> bool:
    """Whether there is a password in the URL of a PostgreSQL.

    Raises:
        ValueError: it is none. The message never carries it.
    """
    rule = "must be a URL such as postgresql://wellkept@db.example.com/wellkept, got another"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(rule) from None
    if url.get_backend_name() != "postgresql" or not url.database:
        raise ValueError(rule)
    return url.password is not None or "password" in url.query


def engine_of(url: URL) -> Engine:
    """An engine whose connections notice within seconds that the other side is gone."""
    options = f"-c lock_timeout={WAIT_MS} -c timezone=UTC"
    alive = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": STALLED_MS}
    asked = {"connect_timeout": CONNECT_S, "application_name": "wellkept", **alive}
    given = {name: value for name, value in asked.items() if name not in url.query}
    if "options" not in url.query:
        given["options"] = options
    pool: dict[str, Any] = {"pool_size": POOL, "max_overflow": MORE, "pool_pre_ping": True}
    engine = create_engine(url, hide_parameters=True, json_serializer=_json, connect_args=given, **pool)
    events.listen(engine, "connect", _prepare)
    return engine


def take_turn(connection: Connection) -> None:
    """Begin a transaction when no other writer is at work; the turn ends with it.

    Whoever has its turn and does nothing with it is ended. The database does so by itself where it waits for the next
    statement, but not in the middle of a row of statements that are sent without waiting for each one's answer.

    Raises:
        OperationalError: others were at work all the time.
    """
    for left in reversed(range(WAITS)):
        try:
            connection.execute(_TURN, {"stalled": f"{STALLED_MS}ms", "a": _OURS, "b": _WRITING})
        except OperationalError as error:
            connection.rollback()
            if not left or getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
                raise
            connection.execute(_STALLED, {"a": _OURS, "b": _WRITING, "stalled_s": STALLED_MS / 1000})
            connection.rollback()
        else:
            return


def migrate_alone(connection: Connection) -> None:
    """Wait until nobody else migrates; ends with the transaction, in which all of the migration is done."""
    connection.execute(_PATIENCE, {"patience": f"{MIGRATION_MS}ms"})
    connection.execute(_LOCK, {"a": _OURS, "b": _MIGRATING})


def widen(connection: Connection, tables: list[str]) -> None:
    """Take the bounds off: SQLite knows no longest text and no largest integer, and compares texts by their bytes.

    Done right behind the migrations, while what they made is empty.
    """
    quoted = connection.dialect.identifier_preparer.quote
    for table, column, kind in connection.execute(_NARROW, {"tables": tables}).all():
        wide = "bigint" if kind == "integer" else 'character varying COLLATE "C"'
        connection.exec_driver_sql(f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(column)} TYPE {wide}")
    for (sequence,) in connection.execute(_SEQUENCES).all():
        connection.exec_driver_sql(f"ALTER SEQUENCE {quoted(sequence)} AS bigint")


def _prepare(connection: Any, _record: Any) -> None:
    """Texts from outside may hold a NUL, which PostgreSQL cannot keep: it becomes the replacement character."""
    for dumper in _without_nul():
        connection.adapters.register_dumper(str, dumper)


@functools.cache
def _without_nul() -> tuple[type[Any], ...]:
    from psycopg.types.string import StrDumper, StrDumperUnknown

    class Text(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace(NUL, INSTEAD))

    class Unknown(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace(NUL, INSTEAD))

    return Text, Unknown


def _json(value: Any) -> str:
    """JSON has no number for what is not finite; it travels as the codec has it."""
    from psycopg import DataError

    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(encode(value), allow_nan=False)
    except TypeError as error:
        raise DataError(f"TypeError: {error}") from error
