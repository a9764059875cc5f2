"""Revisions: numbers that grow with every save of a table's rows, so that a reader can go on from where it was."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from wellkept.store.state.tables import revisions

FINDINGS, INCIDENTS = "findings", "incidents"


def reserve(connection: Connection, name: str, count: int) -> int:
    """Take the next ``count`` revisions, and return the last one before them.

    The row stays locked until the transaction ends. So those who write one after the other also become visible in that
    order, and a reader that has seen a revision has seen all below it.
    """
    taken = update(revisions).where(revisions.c.name == name).values(value=revisions.c.value + count)
    return int(connection.execute(taken.returning(revisions.c.value)).scalar_one()) - count


def newest(connection: Connection, name: str) -> int:
    """The last revision that was taken."""
    return int(connection.execute(select(revisions.c.value).where(revisions.c.name == name)).scalar_one())
