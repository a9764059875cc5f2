"""Findings in the state store, with a revision that counts every change, so that stages can read what is new."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from wellkept.kernel.codec import decode, encode
from wellkept.kernel.finding import Finding
from wellkept.store.state.revisions import FINDINGS, newest, reserve
from wellkept.store.state.rows import chunks, upsert
from wellkept.store.state.state import State
from wellkept.store.state.tables import findings

_KNOWN = select(findings.c.id).where(findings.c.id.in_(bindparam("ids", expanding=True)))
_AGAIN = (
    update(findings)
    .where(findings.c.id == bindparam("finding"))
    .values(said=findings.c.said + bindparam("more"), last_seen=bindparam("seen"), until=bindparam("held"))
)
_MARKS = (
    select(findings.c.id, findings.c.entity, findings.c.revision)
    .where(findings.c.revision > bindparam("after"))
    .order_by(findings.c.revision)
    .limit(bindparam("most"))
)
"""Statements of every commit of a storm, made once: to make one costs more than to run it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding that changed, as far as it takes to choose which to look at first."""

    finding: str
    entity: str
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding of a sender that repeats itself: until when its word holds, how often it was said since last time."""

    finding: Finding
    until: datetime | None
    said: int
    is_changed: bool


class Recent:
    """The findings that were written last, so that who reads on need not decode what this process has in its hands."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: dict[str, tuple[int, Finding]] = {}

    def note(self, values: Sequence[Finding], before: int) -> None:
        """They were written with the revisions that follow ``before``."""
        with self._lock:
            for revision, finding in enumerate(values, before + 1):
                self._found.pop(finding.id, None)
                self._found[finding.id] = (revision, finding)
            for oldest in list(itertools.islice(self._found, max(0, len(self._found) - self._most))):
                del self._found[oldest]

    def get(self, mark: Mark) -> Finding | None:
        """The finding, unless another server has written it since."""
        revision, finding = self._found.get(mark.finding, (-1, None))
        return finding if revision >= mark.revision else None

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


class FindingRows:
    """Reads and writes findings. At most one finding of a fingerprint is open at a time."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._recent = Recent()

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

    def keep(self, kept: Sequence[Kept], now: datetime) -> None:
        """Save findings that their sender alone knows to be the same: of those that did not change only the count."""
        changed = [one for one in kept if one.is_changed]
        repeated = [one for one in kept if not one.is_changed]
        until = {one.finding.id: one.until for one in changed}
        said = {one.finding.id: one.said for one in changed}
        with self._state.transaction() as connection:
            if changed:
                self._write(connection, [one.finding for one in changed], now, until, said)
            if repeated:
                rows = [
                    {"finding": one.finding.id, "more": one.said, "seen": now, "held": one.until} for one in repeated
                ]
                connection.execute(_AGAIN, rows)

    def held_until(self, ids: Sequence[str]) -> dict[str, datetime]:
        """Until when the last word about findings holds, where their sender has said so."""
        found: dict[str, datetime] = {}
        with self._state.reading() as connection:
            for part in chunks(ids):
                query = select(findings.c.id, findings.c.until).where(findings.c.id.in_(part))
                rows = connection.execute(query.where(findings.c.until.is_not(None)))
                found.update((row.id, row.until) for row in rows)
        return found

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that there are findings of."""
        found: set[str] = set()
        with self._state.reading() as connection:
            for part in chunks(ids):
                found.update(connection.execute(_KNOWN, {"ids": part}).scalars())
        return found

    def times_said(self, ids: Sequence[str]) -> dict[str, int]:
        """How often findings were said, repeats included."""
        found: dict[str, int] = {}
        with self._state.reading() as connection:
            for part in chunks(ids):
                query = select(findings.c.id, findings.c.said).where(findings.c.id.in_(part))
                found.update((row.id, row.said) for row in connection.execute(query))
        return found

    def marked(self, marks: Sequence[Mark]) -> list[Finding]:
        """The findings of marks; those that this process has just written are not read again."""
        recent = {mark.finding: self._recent.get(mark) for mark in marks}
        missing = [identity for identity, finding in recent.items() if finding is None]
        return [*(finding for finding in recent.values() if finding is not None), *self.by_ids(missing)]

    def forget_recent(self) -> None:
        """What was written last may have been taken back."""
        self._recent.clear()

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

    def open(self, detector_prefix: str, detectors: Collection[str] | None = None) -> list[Finding]:
        query = select(findings.c.body).where(findings.c.ends_at.is_(None))
        if detectors is not None:
            query = query.where(findings.c.detector.in_(sorted(detectors)))
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

    def between(
        self, start: datetime | None, end: datetime | None, entities: Collection[str] | None, limit: int
    ) -> list[Finding]:
        """Findings that were open at some moment of the span, newest first; of these entities, where they are given."""
        query = select(findings.c.body).order_by(findings.c.starts_at.desc(), findings.c.id).limit(limit)
        if start is not None:
            query = query.where((findings.c.ends_at.is_(None)) | (findings.c.ends_at >= start))
        if end is not None:
            query = query.where(findings.c.starts_at <= end)
        if entities is not None:
            query = query.where(findings.c.entity.in_(sorted(entities)))
        return self._read(query)

    def after(self, revision: int, limit: int = 10_000) -> tuple[list[Finding], int]:
        """Findings that changed after ``revision``, and the revision to go on from."""
        query = select(findings).where(findings.c.revision > revision).order_by(findings.c.revision).limit(limit)
        with self._state.reading() as connection:
            rows = connection.execute(query).all()
        return [decode(Finding, row.body) for row in rows], max([revision, *(row.revision for row in rows)])

    def marks(self, revision: int, limit: int) -> tuple[list[Mark], int]:
        """The ids and entities of findings that changed after ``revision``, and the revision to go on from."""
        with self._state.reading() as connection:
            rows = connection.execute(_MARKS, {"after": revision, "most": limit}).all()
        return [Mark(row.id, row.entity, row.revision) for row in rows], rows[-1].revision if rows else revision

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
        columns, wanted = findings.c, list(fingerprints)
        query = select(columns.fingerprint, columns.starts_at, columns.body).where(columns.ends_at.is_(None))
        parts = [connection.execute(query.where(columns.fingerprint.in_(part))).all() for part in chunks(wanted)]
        return [row for part in parts for row in part]

    def _write(
        self,
        connection: Connection,
        values: Sequence[Finding],
        now: datetime,
        until: Mapping[str, datetime | None] | None = None,
        said: Mapping[str, int] | None = None,
    ) -> None:
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
                "said": said[finding.id] if said else 1,
                "until": until[finding.id] if until else None,
            }
            for index, finding in enumerate(values)
        ]
        upsert(connection, findings, rows, add=frozenset({"said"}))
        self._recent.note(values, revision)

    def _read(self, query: Select[Any]) -> list[Finding]:
        with self._state.reading() as connection:
            return [decode(Finding, body) for body in connection.execute(query).scalars()]
