"""What the tables of the state store are made of: the types of their columns, and the list that they are all in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, TypeDecorator
from sqlalchemy import Integer as Narrow

Integer = Narrow().with_variant(BigInteger(), "postgresql")
"""Whole numbers have 64 bits on every engine: SQLite knows no others, and revisions grow with every alert."""


class Moment(TypeDecorator[datetime]):
    """A UTC moment: stored without a zone, handed out aware of it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        return value.replace(tzinfo=UTC) if value is not None else None


metadata = MetaData()
