"""Retrains that an external CI runs, in the state store: what was asked, until when, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from wellkept.store.state.state import State
from wellkept.store.state.tables import external_runs

WAITING, REPORTED, DONE, FAILED, EXPIRED = "waiting", "reported", "done", "failed", "expired"


@dataclass(frozen=True, slots=True)
class ExternalRun:
    """One run. ``body`` is what was asked, ``report`` what the CI said (None until then)."""

    id: str
    model: str
    state: str
    created_at: datetime
    expires_at: datetime
    body: Mapping[str, Any]
    report: Mapping[str, Any] | None = field(default=None)


class ExternalRunRows:
    """Reads and writes runs. A change of state is a compare-and-set."""

    def __init__(self, state: State) -> None:
        self._state = state

    def open(self, run: ExternalRun) -> ExternalRun:
        """Keep a new run; one that is known stays as it is. Returns what is kept."""
        values = {name: getattr(run, name) for name in run.__slots__} | {"body": dict(run.body)}
        with self._state.transaction() as connection:
            kind = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(
                kind.insert(external_runs).values(**values).on_conflict_do_nothing(index_elements=["id"])
            )
        found = self.get(run.id)
        assert found is not None
        return found

    def get(self, run: str) -> ExternalRun | None:
        with self._state.reading() as connection:
            row = connection.execute(select(external_runs).where(external_runs.c.id == run)).mappings().first()
        return ExternalRun(**row) if row else None

    def recent(self, model: str | None, limit: int) -> list[ExternalRun]:
        """Runs, newest first."""
        query = select(external_runs).order_by(external_runs.c.created_at.desc(), external_runs.c.id).limit(limit)
        if model is not None:
            query = query.where(external_runs.c.model == model)
        with self._state.reading() as connection:
            return [ExternalRun(**row) for row in connection.execute(query).mappings()]

    def report(self, run: str, report: Mapping[str, Any], now: datetime) -> bool:
        """Keep a report where the run still waits for one."""
        waits = (external_runs.c.id == run) & (external_runs.c.state == WAITING) & (external_runs.c.expires_at > now)
        return self._update(waits, {"state": REPORTED, "report": dict(report)})

    def settle(self, run: str, allowed: Sequence[str], to: str) -> bool:
        """Move a run to a state if it is in one of the ``allowed`` ones."""
        return self._update((external_runs.c.id == run) & external_runs.c.state.in_(list(allowed)), {"state": to})

    def _update(self, where: Any, values: Mapping[str, Any]) -> bool:
        with self._state.transaction() as connection:
            return bool(connection.execute(update(external_runs).where(where).values(**values)).rowcount)
