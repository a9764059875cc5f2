"""The tables of confirmed causes, and of what stages learn; in form as :mod:`wellkept.store.state.tables`."""

from __future__ import annotations

from sqlalchemy import JSON, Column, String, Table

from wellkept.store.state.columns import Integer, Moment, metadata

confirmed_causes = Table(
    "confirmed_causes",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("body", JSON, nullable=False),
)

diagnosis_weightings = Table(
    "diagnosis_weightings",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)

learned = Table(
    "learned",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)
