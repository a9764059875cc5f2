"""The one write that SQLite and PostgreSQL spell in their own way: insert, or update what is there. And long lists."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

AT_ONCE = 1000
"""So many values stand in one condition: databases bound the parameters of a statement."""


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """The values in parts that fit into a condition."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep: frozenset[str] = frozenset(),
    add: frozenset[str] = frozenset(),
) -> None:
    """Insert rows; where the primary key is there already, update every column but those in ``keep``.

    The numbers of the columns in ``add`` are added to those that are there.
    """
    if rows:
        statement = _statement(connection.dialect.name == "sqlite", table, tuple(rows[0]), keep, add)
        connection.execute(statement, list(rows))


@functools.cache
def _statement(
    is_sqlite: bool, table: Table, names: tuple[str, ...], keep: frozenset[str], add: frozenset[str]
) -> Executable:
    """The statement, which is dear to make."""
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    changed: dict[str, Any] = {name: insert.excluded[name] for name in names if name not in keys and name not in keep}
    changed |= {name: table.c[name] + insert.excluded[name] for name in add}
    if changed:
        return insert.on_conflict_do_update(index_elements=keys, set_=changed)
    return insert.on_conflict_do_nothing(index_elements=keys)
