"""The table of leases; in form as :mod:`wellkept.store.state.tables`."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from wellkept.store.state.columns import Integer, Moment, metadata

leases = Table(
    "leases",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("about", Text, nullable=False),
    Column("term", Integer, nullable=False),
    Column("taken_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
