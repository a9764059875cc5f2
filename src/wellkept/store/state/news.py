"""What is new in the tables of others since a position: the audit log, the registry, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from wellkept.kernel.codec import decode
from wellkept.store.state.audit import AuditEntry
from wellkept.store.state.models import ModelVersion
from wellkept.store.state.state import State
from wellkept.store.state.tables import alias_history, audit, findings, versions


@dataclass(frozen=True, slots=True)
class NumberedMove:
    """One move of an alias, with its number over all models."""

    number: int
    model: str
    alias: str
    digest: str
    at: datetime
    by: str


class NewsRows:
    """Reads only. Every position is a number that grows with each commit."""

    def __init__(self, state: State) -> None:
        self._state = state

    def last_entry(self) -> int:
        with self._state.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(audit.c.number), 0))).scalar_one())

    def entries(self, after: int, limit: int) -> list[AuditEntry]:
        """Audit entries, oldest first."""
        query = select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(limit)
        with self._state.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def last_move(self) -> int:
        with self._state.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(alias_history.c.number), 0))).scalar_one())

    def moves(self, after: int, limit: int) -> list[NumberedMove]:
        """Moves of aliases, oldest first."""
        query = select(alias_history).where(alias_history.c.number > after).order_by(alias_history.c.number)
        with self._state.reading() as connection:
            return [NumberedMove(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def last_versions(self) -> dict[str, int]:
        """Model to the number of its newest version."""
        query = select(versions.c.model, func.max(versions.c.number)).group_by(versions.c.model)
        with self._state.reading() as connection:
            return {model: int(number) for model, number in connection.execute(query)}

    def versions(self, after: Mapping[str, int]) -> list[ModelVersion]:
        """Versions with a number above their model's in ``after`` (0 where it has none), oldest first."""
        found: list[Any] = []
        for model, newest in sorted(self.last_versions().items()):
            known = after.get(model, 0)
            if newest <= known:
                continue
            query = select(versions.c.body).where(versions.c.model == model, versions.c.number > known)
            with self._state.reading() as connection:
                found += connection.execute(query.order_by(versions.c.number)).scalars().all()
        return [decode(ModelVersion, body) for body in found]

    def last_revision(self) -> int:
        """The newest revision of findings."""
        with self._state.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(findings.c.revision), 0))).scalar_one())
