"""A query in any database that SQLAlchemy has a dialect for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from wellkept.kernel.errors import InputError
from wellkept.ml.data.base import Asked, Found
from wellkept.ml.data.moments import Written, written
from wellkept.ml.data.secrets import SecretName
from wellkept.ml.part import Part

FETCHED = 20_000


class SqlQuery:
    """Binds ``:start`` and ``:end`` to the span, reads in a transaction that only reads, and never commits.

    The contract holds the name of the URL alone: a variable of the environment, or an entry of the secrets file.
    """

    name = "sql"
    version = "1"

    class Options(Part):
        """The name of the URL, the query, and how the database writes moments."""

        url: SecretName
        query: Annotated[str, Field(min_length=1, max_length=100_000)]
        moments: Written = "timestamp"
        """What ``:start`` and ``:end`` become."""

    def read(self, options: Options, asked: Asked) -> Found:
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError

        secrets = asked.access.secrets
        url = secrets.value(asked.source, options.url)
        try:
            engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
            with engine.connect() as connection:
                _only_read(connection, asked.timeout_s)
                query = sqlalchemy.text(options.query)
                bound = {name: written(getattr(asked, name), options.moments) for name in ("start", "end")}
                names = set(query._bindparams)  # noqa: SLF001 - SQLAlchemy has no other word for it
                if names - bound.keys():
                    rule = "must bind nothing but :start and :end (write \\: for a colon)"
                    raise InputError(f"source {asked.source}: query", rule, min(names - bound.keys()))
                result = connection.execution_options(stream_results=True).execute(
                    query, {name: bound[name] for name in names}
                )
                table = asked.collected(_batches(result, asked.source))
                dialect = engine.dialect.name
        except (SQLAlchemyError, ImportError) as error:
            said = secrets.hide(_first_line(error))
            rule = f"the database that {options.url} names did not answer the query: {said}"
            raise InputError(f"source {asked.source}", rule) from None  # what it wraps may hold the URL
        return Found(table, {"url": options.url, "dialect": dialect, "query": options.query})


def _only_read(connection: Any, timeout_s: float) -> None:
    """Have the database itself refuse to write, and end the query in time, where it can."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        connection.exec_driver_sql("SET TIME ZONE 'UTC'")
        connection.exec_driver_sql(f"SET statement_timeout = {int(timeout_s * 1000)}")
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")


def _batches(result: Any, source: str) -> Iterator[pa.Table]:
    names = list(result.keys())
    if len(set(names)) < len(names):
        raise InputError(f"source {source}: query", "must give each column a name of its own", names)
    while True:
        rows = result.fetchmany(FETCHED)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        yield pa.table({name: _column(source, name, values) for name, values in zip(names, columns, strict=True)})
        if len(rows) < FETCHED:
            return


def _column(source: str, name: str, values: Sequence[Any]) -> pa.Array:
    """Values as Arrow: decimals are floats, moments without a zone are UTC."""
    if any(isinstance(value, Decimal) for value in values):
        values = [float(value) if isinstance(value, Decimal) else value for value in values]
    if any(isinstance(value, datetime) for value in values):
        values = [_in_utc(value) if isinstance(value, datetime) else value for value in values]
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise InputError(
            f"source {source}: {name}", f"has values of several types; cast it in the query: {error}"
        ) from error


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
