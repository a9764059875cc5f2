"""Revisions: numbers that grow with every save of a table's rows, so that a reader can go on from where it was."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from wellkept.store.state.tables import revisions

FINDINGS, INCIDENTS = "findings", "incidents"
_VALUE = select(revisions.c.value).where(revisions.c.name == bindparam("of"))
_TAKE = (
    update(revisions)
    .where(revisions.c.name == bindparam("of"))
    .values(value=revisions.c.value + bindparam("more"))
    .returning(revisions.c.value)
)


def reserve(connection: Connection, name: str, count: int) -> int:
    """Take the next ``count`` revisions, and return the last one before them.

    The row stays locked until the transaction ends. So those who write one after the other also become visible in that
    order, and a reader that has seen a revision has seen all below it.
    """
    return int(connection.execute(_TAKE, {"of": name, "more": count}).scalar_one()) - count


def newest(connection: Connection, name: str) -> int:
    """The last revision that was taken."""
    return int(connection.execute(_VALUE, {"of": name}).scalar_one())
