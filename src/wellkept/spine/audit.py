"""The audit log: append-only, hash-chained; ``verify`` proves that nobody changed what was written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wellkept.kernel.errors import StoreError
from wellkept.store.state.audit import GENESIS, AuditEntry, AuditRows
from wellkept.store.state.state import State

__all__ = ["Audit", "AuditEntry"]


class Audit:
    """Who did what to what, when, and why."""

    def __init__(self, state: State) -> None:
        self._rows = AuditRows(state)

    def append(
        self, at: datetime, actor: str, verb: str, subject: str, details: Mapping[str, Any] | None = None
    ) -> AuditEntry:
        """Write an entry behind the last one. The moment is kept in UTC, as it will be read and checked."""
        return self._rows.append(at.astimezone(UTC), actor, verb, subject, details or {})

    def entries(self, limit: int = 100, subject: str | None = None) -> list[AuditEntry]:
        """Entries, newest first."""
        return self._rows.newest(limit, subject)

    def verify(self) -> int:
        """Check the whole chain and return how many entries it has.

        Any entry that was changed, added or taken out is found. Entries cut off at the end leave no trace in the
        chain itself; they show against the number of entries known from before.

        Raises:
            StoreError: names the first entry that does not fit.
        """
        number, previous = 0, GENESIS
        for entry in self._rows.all():
            if entry.number != number + 1:
                raise StoreError(f"audit log: entry {number + 1} is missing")
            if entry.previous != previous or entry.digest() != entry.hash:
                raise StoreError(f"audit log: entry {entry.number} was changed after it was written")
            number, previous = entry.number, entry.hash
        return number
