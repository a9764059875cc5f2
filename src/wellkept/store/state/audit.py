"""The audit log in the state store: appended to, never changed; each entry holds the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from wellkept.kernel.codec import encode
from wellkept.store.state.postgres import INSTEAD, NUL
from wellkept.store.state.state import State
from wellkept.store.state.tables import audit

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, when; ``hash`` covers everything else, with the previous entry's hash."""

    number: int
    at: datetime
    actor: str
    verb: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str = ""

    def digest(self) -> str:
        """SHA-256 over the entry without its own hash."""
        body = [
            self.number,
            self.at.isoformat(),
            self.actor,
            self.verb,
            self.subject,
            self.details,
            self.previous,
        ]
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class AuditRows:
    """Appends and reads entries."""

    def __init__(self, state: State) -> None:
        self._state = state

    def append(self, at: datetime, actor: str, verb: str, subject: str, details: Mapping[str, Any]) -> AuditEntry:
        """Write the next entry. Its hash is over what any engine can keep: no NUL, and no number that is not finite."""
        with self._state.transaction() as connection:
            last = connection.execute(select(audit).order_by(audit.c.number.desc()).limit(1)).first()
            number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
            actor, verb, subject = (words.replace(NUL, INSTEAD) for words in (actor, verb, subject))
            entry = AuditEntry(number, at, actor, verb, subject, encode(details), previous)
            values = {name: getattr(entry, name) for name in entry.__slots__} | {"hash": entry.digest()}
            connection.execute(insert(audit).values(**values))
        return AuditEntry(**values)

    def newest(self, limit: int, subject: str | None) -> list[AuditEntry]:
        query = select(audit).order_by(audit.c.number.desc()).limit(limit)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        with self._state.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def all(self) -> Iterator[AuditEntry]:
        """Every entry, oldest first."""
        with self._state.reading() as connection:
            for row in connection.execute(select(audit).order_by(audit.c.number)).mappings():
                yield AuditEntry(**row)
