"""Findings in the state store, with a revision that counts every change, so that stages can read what is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.finding import Finding
from wellkept.store.state.revisions import FINDINGS, newest, reserve
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import findings


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding that changed, as far as it takes to choose which to look at first."""

    finding: str
    entity: str


class FindingRows:
    """Reads and writes findings. At most one finding of a fingerprint is open at a time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def merge(self, incoming: Sequence[Finding], now: datetime) -> list[Finding]:
        """Save findings: what is open under the same fingerprint keeps its start, and takes the newer rest."""
        if not incoming:
            return []
        newest = {finding.fingerprint: finding for finding in incoming}
        with self._state.transaction() as connection:
            known = {row.fingerprint: row.starts_at for row in self._open(connection, newest)}
            merged = [replace(f, starts_at=known.get(f.fingerprint, f.starts_at)) for f in newest.values()]
            self._write(connection, merged, now)
        return merged

    def end(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]:
        """End the open findings with these fingerprints."""
        wanted = list(fingerprints)
        if not wanted:
            return []
        with self._state.transaction() as connection:
            ended = [
                replace(decode(Finding, row.body), ends_at=max(at, row.starts_at))
                for row in self._open(connection, wanted)
            ]
            self._write(connection, ended, at)
        return ended

    def open(self, detector_prefix: str) -> list[Finding]:
        query = select(findings.c.body).where(findings.c.ends_at.is_(None))
        if detector_prefix:
            query = query.where(findings.c.detector.startswith(detector_prefix, autoescape=True))
        return self._read(query.order_by(findings.c.starts_at, findings.c.id))

    def by_ids(self, ids: Sequence[str]) -> list[Finding]:
        found: list[tuple[datetime, Finding]] = []
        with self._state.reading() as connection:
            for part in chunks(ids):
                query = select(findings.c.starts_at, findings.c.body).where(findings.c.id.in_(part))
                found += [(row.starts_at, decode(Finding, row.body)) for row in connection.execute(query)]
        return [finding for _, finding in sorted(found, key=lambda it: it[0])]

    def between(self, start: datetime | None, end: datetime | None, entity: str | None, limit: int) -> list[Finding]:
        """Findings that were open at some moment of the span, newest first."""
        query = select(findings.c.body).order_by(findings.c.starts_at.desc(), findings.c.id).limit(limit)
        if start is not None:
            query = query.where((findings.c.ends_at.is_(None)) | (findings.c.ends_at >= start))
        if end is not None:
            query = query.where(findings.c.starts_at <= end)
        if entity is not None:
            query = query.where(findings.c.entity == entity)
        return self._read(query)

    def after(self, revision: int, limit: int = 10_000) -> tuple[list[Finding], int]:
        """Findings that changed after ``revision``, and the revision to go on from."""
        query = select(findings).where(findings.c.revision > revision).order_by(findings.c.revision).limit(limit)
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
        return [decode(Finding, row.body) for row in rows], max([revision, *(row.revision for row in rows)])

    def marks(self, revision: int, limit: int) -> tuple[list[Mark], int]:
        """The ids and entities of findings that changed after ``revision``, and the revision to go on from."""
        columns = findings.c
        query = select(columns.id, columns.entity, columns.revision).where(columns.revision > revision)
        with self._state.reading() as connection:
            rows = connection.execute(query.order_by(columns.revision).limit(limit)).all()
        return [Mark(row.id, row.entity) for row in rows], rows[-1].revision if rows else revision

    def last_revision(self) -> int:
        with self._state.reading() as connection:
            return newest(connection, FINDINGS)

    def revision_within(self, connection: Connection) -> int:
        """The same, as a unit of work sees it that is under way."""
        return newest(connection, FINDINGS)

    def lasting(self, since: datetime) -> Iterator[list[Finding]]:
        """Findings that are open, or were at some moment since then, in parts."""
        with self._state.reading() as connection:
            columns = findings.c
            query = select(columns.id).where(columns.ends_at.is_(None) | (columns.ends_at >= since))
            ids = list(connection.execute(query.order_by(columns.starts_at, columns.id)).scalars())
        for part in chunks(ids):
            yield self.by_ids(part)

    def last_seen(self, finding: str) -> datetime | None:
        with self._state.reading() as connection:
            row = connection.execute(select(findings.c.last_seen).where(findings.c.id == finding)).first()
        return row.last_seen if row else None

    def _open(self, connection: Connection, fingerprints: Iterable[str]) -> Sequence[Any]:
        query = select(findings).where(findings.c.fingerprint.in_(list(fingerprints)), findings.c.ends_at.is_(None))
        return connection.execute(query).all()

    def _write(self, connection: Connection, values: Sequence[Finding], now: datetime) -> None:
        revision = reserve(connection, FINDINGS, len(values))
        rows = [
            {
                "id": finding.id,
                "fingerprint": finding.fingerprint,
                "detector": finding.detector,
                "entity": finding.entity,
                "starts_at": finding.starts_at,
                "ends_at": finding.ends_at,
                "last_seen": now,
                "revision": revision + 1 + index,
                "body": encode(finding),
            }
            for index, finding in enumerate(values)
        ]
        upsert(connection, findings, rows)

    def _read(self, query: Select[Any]) -> list[Finding]:
        with self._state.reading() as connection:
            return [decode(Finding, body) for body in connection.execute(query).scalars()]
