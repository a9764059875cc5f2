"""The tables of noise and of grouping by rule and by hand; in form as :mod:`wellkept.store.state.tables`."""

from __future__ import annotations

from sqlalchemy import JSON, Column, String, Table, UniqueConstraint

from wellkept.store.state.columns import Integer, Moment, metadata

silences = Table(
    "silences",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("ends_at", Moment, nullable=False, index=True),
    Column("body", JSON, nullable=False),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("ends_at", Moment),
    Column("body", JSON, nullable=False),
)

grouping_rules = Table(
    "grouping_rules",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", JSON, nullable=False),
)

grouping_decisions = Table(
    "grouping_decisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("body", JSON, nullable=False),
    UniqueConstraint("id"),
)

held_findings = Table(
    "held_findings",
    metadata,
    Column("finding", String(40), primary_key=True),
    Column("reason", String(20), nullable=False),
    Column("since", Moment, nullable=False),
    Column("ended_at", Moment, index=True),
    Column("body", JSON, nullable=False),
)

noise_digests = Table(
    "noise_digests",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False),
    Column("body", JSON, nullable=False),
    UniqueConstraint("id"),
)
