"""What holds trouble back, in the state store: silences, maintenance windows, what is held, and digests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.noise import Digest, HeldFinding, HoldReason, Maintenance, Silence, Told
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import findings, revisions
from wellkept.store.state.tables_noise import held_findings, maintenance_windows, noise_digests, silences

BOOK = "noise"
"""Counts every change of what is in force, so that a reader knows cheaply whether there is news."""


class NoiseRows:
    """Reads and writes. Whatever changes what is in force counts one up in the same transaction."""

    def __init__(self, state: State) -> None:
        self._state = state

    def revision(self) -> int:
        """Grows with every change of silences, windows and rules."""
        with self._state.reading() as connection:
            return int(connection.execute(select(revisions.c.value).where(revisions.c.name == BOOK)).scalar() or 0)

    def save_silence(self, *given: Silence) -> None:
        rows = [{"id": one.id, "ends_at": one.ends_at, "body": encode(one)} for one in given]
        with self._state.transaction() as connection:
            upsert(connection, silences, rows)
            count_up(connection)

    def silence(self, silence: str) -> Silence | None:
        with self._state.reading() as connection:
            body = connection.execute(select(silences.c.body).where(silences.c.id == silence)).scalar()
        return decode(Silence, body) if body is not None else None

    def silences(self, ended_after: datetime, limit: int) -> list[Silence]:
        """Those that end after a moment, the last to end first."""
        query = select(silences.c.body).where(silences.c.ends_at > ended_after)
        return self._read(Silence, query.order_by(silences.c.ends_at.desc(), silences.c.id).limit(limit))

    def save_maintenance(self, window: Maintenance) -> None:
        with self._state.transaction() as connection:
            upsert(
                connection,
                maintenance_windows,
                [{"id": window.id, "ends_at": window.ends_at, "body": encode(window)}],
            )
            count_up(connection)

    def maintenance(self, ended_after: datetime, limit: int) -> list[Maintenance]:
        """Windows that end after a moment or never, by id."""
        table = maintenance_windows
        query = select(table.c.body).where(table.c.ends_at.is_(None) | (table.c.ends_at > ended_after))
        return self._read(Maintenance, query.order_by(table.c.id).limit(limit))

    def window(self, window: str) -> Maintenance | None:
        with self._state.reading() as connection:
            query = select(maintenance_windows.c.body).where(maintenance_windows.c.id == window)
            body = connection.execute(query).scalar()
        return decode(Maintenance, body) if body is not None else None

    def save_held(self, given: Sequence[HeldFinding]) -> None:
        rows = [
            {
                "finding": one.subject,
                "reason": one.held.reason.value,
                "since": one.since,
                "ended_at": one.ended_at,
                "body": encode(one),
            }
            for one in given
        ]
        with self._state.transaction() as connection:
            upsert(connection, held_findings, rows)

    def held(self, reason: HoldReason | None, ended_after: datetime | None, limit: int) -> list[HeldFinding]:
        """What is held, the newest first; with ``ended_after`` also what was, until after that moment."""
        table = held_findings
        query = select(table.c.body).order_by(table.c.since.desc(), table.c.finding).limit(limit)
        going_on = table.c.ended_at.is_(None)
        query = query.where(going_on if ended_after is None else going_on | (table.c.ended_at > ended_after))
        if reason is not None:
            query = query.where(table.c.reason == reason.value)
        return self._read(HeldFinding, query)

    def held_of(self, ids: Sequence[str]) -> dict[str, HeldFinding]:
        """What is kept of holds of these findings, by finding id."""
        found: dict[str, HeldFinding] = {}
        for part in chunks(ids):
            query = select(held_findings.c.body).where(held_findings.c.finding.in_(part))
            found |= {one.finding: one for one in self._read(HeldFinding, query)}
        return found

    def held_counts(self) -> dict[str, int]:
        """How much is held now, by reason."""
        table = held_findings
        query = select(table.c.reason, func.count()).where(table.c.ended_at.is_(None)).group_by(table.c.reason)
        with self._state.reading() as connection:
            return {reason: int(count) for reason, count in connection.execute(query)}

    def told(self, fingerprints: Sequence[str]) -> dict[str, Told]:
        """How often fingerprints were told, over all their occurrences that are kept."""
        table, found = findings, dict[str, Told]()
        columns = (func.count(), func.sum(table.c.said), func.min(table.c.starts_at), func.max(table.c.last_seen))
        with self._state.reading() as connection:
            for part in chunks(fingerprints):
                query = select(table.c.fingerprint, *columns).where(table.c.fingerprint.in_(part))
                for mark, count, said, first, last in connection.execute(query.group_by(table.c.fingerprint)):
                    found[mark] = Told(mark, int(count), int(said), first, last)
        return found

    def save_digest(self, digest: Digest) -> None:
        """Keep a digest; the same again changes nothing."""
        with self._state.transaction() as connection:
            known = connection.execute(select(noise_digests.c.number).where(noise_digests.c.id == digest.id)).scalar()
            if known is None:
                connection.execute(insert(noise_digests).values(id=digest.id, body=encode(digest)))

    def digests(self, after: int, limit: int) -> tuple[list[Digest], int]:
        """Digests after a number, oldest first, and the number to go on from."""
        table = noise_digests
        query = select(table).where(table.c.number > after).order_by(table.c.number).limit(limit)
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
        return [decode(Digest, row.body) for row in rows], max([after, *(row.number for row in rows)])

    def forget(self, before: datetime) -> None:
        """Take out what was over before a moment."""
        with self._state.transaction() as connection:
            for column in (silences.c.ends_at, maintenance_windows.c.ends_at, held_findings.c.ended_at):
                table = column.table
                assert isinstance(table, Table)
                connection.execute(delete(table).where(column < before))

    def _read(self, kind: type[Any], query: Any) -> list[Any]:
        with self._state.reading() as connection:
            return [decode(kind, body) for body in connection.execute(query).scalars()]


def count_up(connection: Connection) -> None:
    """Count a change of what is in force."""
    value = connection.execute(select(revisions.c.value).where(revisions.c.name == BOOK).with_for_update()).scalar()
    upsert(connection, revisions, [{"name": BOOK, "value": (value or 0) + 1}])
