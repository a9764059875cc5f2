"""What people said of findings, in the state store: one row a finding and person, the latest word counts."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import select

from wellkept.kernel.feedback import Feedback, Opinion
from wellkept.store.state.rows import upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import feedback

_COLUMNS = tuple(field.name for field in fields(Feedback))


class FeedbackRows:
    """Writes and reads feedback."""

    def __init__(self, state: State) -> None:
        self._state = state

    def save(self, said: Feedback) -> None:
        """What the same person said of the same finding before is replaced."""
        row = {name: getattr(said, name) for name in _COLUMNS} | {"opinion": str(said.opinion)}
        with self._state.transaction() as connection:
            upsert(connection, feedback, [row])

    def since(self, at: datetime) -> list[Feedback]:
        """Everything said since then, oldest first."""
        query = select(feedback).where(feedback.c.at >= at).order_by(feedback.c.at, feedback.c.finding, feedback.c.by)
        with self._state.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Feedback(**{**{name: row[name] for name in _COLUMNS}, "opinion": Opinion(row["opinion"])}) for row in rows
        ]
