"""A query through an ADBC driver: the rows come as Arrow, and never pass through Python one by one."""

from __future__ import annotations

import importlib
import re
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from wellkept.kernel.errors import InputError
from wellkept.ml.data.base import Asked, Found
from wellkept.ml.data.moments import Written, written
from wellkept.ml.data.secrets import SecretName
from wellkept.ml.part import Part

_NAMED = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::)|:([A-Za-z_]\w*)", re.DOTALL)
MARKS = {"sqlite": "?{}", "postgresql": "${}", "duckdb": "${}"}
"""How a driver's database numbers what is bound; where it is not listed, marks have no numbers."""


class AdbcQuery:
    """Binds ``:start`` and ``:end``, whatever signs the database has for it. ``driver`` is a Python package."""

    name = "adbc"
    version = "1"

    class Options(Part):
        """The driver, the name of its URI, the query, and how the database writes moments."""

        driver: Annotated[str, Field(pattern=r"^adbc_driver_[a-z0-9_]{1,40}$")]
        uri: SecretName
        query: Annotated[str, Field(min_length=1, max_length=100_000)]
        moments: Written = "timestamp"

    def read(self, options: Options, asked: Asked) -> Found:
        try:
            dbapi = importlib.import_module(f"{options.driver}.dbapi")
        except ImportError as error:
            rule = f"needs a package that is not installed: pip install {options.driver.replace('_', '-')}"
            raise InputError(f"source {asked.source}: driver", rule) from error
        secrets = asked.access.secrets
        uri = secrets.value(asked.source, options.uri)
        query, order = positional(options.query, options.driver, asked.source)
        bound = tuple(written(getattr(asked, name), options.moments) for name in order)
        try:
            with dbapi.connect(uri) as connection, connection.cursor() as cursor:
                cursor.execute(query, bound or None)
                reader = cursor.fetch_record_batch()
                table = plain(asked.collected(reader, reader.schema))
                connection.rollback()
        except (dbapi.Error, pa.ArrowException, OSError) as error:
            said = secrets.hide(str(error).strip().partition("\n")[0])
            raise InputError(f"source {asked.source}", f"{options.driver} did not answer the query: {said}") from None
        return Found(table, {"uri": options.uri, "driver": options.driver, "query": options.query})


def plain(table: pa.Table) -> pa.Table:
    """Exact numbers as floats, and a driver's own types as what they are stored as."""
    for index, field in enumerate(table.schema):
        column, kind = table.column(index), field.type
        if isinstance(kind, pa.BaseExtensionType):
            column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
            kind = pa.float64() if "numeric" in str(field.type) else kind.storage_type
        elif pa.types.is_decimal(kind):
            kind = pa.float64()
        if kind != field.type:
            table = table.set_column(index, field.name, column.cast(kind))
    return table


def positional(query: str, driver: str, source: str) -> tuple[str, tuple[str, ...]]:
    """The query with the driver's own marks in place of ``:start`` and ``:end``, and what is bound to them, in order.

    Raises:
        InputError: the query wants something else bound.
    """
    mark = MARKS.get(driver.removeprefix("adbc_driver_"), "?")
    order: list[str] = []

    def written(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        if match[2] not in ("start", "end"):
            raise InputError(f"source {source}: query", "must bind nothing but :start and :end", match[2])
        if "{}" in mark and match[2] in order:
            return mark.format(order.index(match[2]) + 1)
        order.append(match[2])
        return mark.format(len(order))

    return _NAMED.sub(written, query), tuple(order)
