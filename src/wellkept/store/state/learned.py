"""What stages have learned, in the state store: one plain value for each, whichever server learned it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables_diagnosis import learned


class LearnedRows:
    """Reads and writes what was learned under a name."""

    def __init__(self, state: State, name: str) -> None:
        self._state, self._name = state, name

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None where nothing was."""
        with self._state.reading() as connection:
            query = select(learned.c.body).where(learned.c.name == self._name)
            body: dict[str, Any] | None = connection.execute(query).scalar()
        return body

    def save(self, body: Mapping[str, Any], at: datetime) -> None:
        with self._state.transaction() as connection:
            upsert(connection, learned, [{"name": self._name, "at": at, "body": dict(body)}])
