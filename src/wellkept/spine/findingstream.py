"""Findings in the stream: published, ended, and read on from where one was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.spine.hosts import HostNames
from wellkept.store.state.findings import FindingRows, Kept, Mark
from wellkept.store.state.state import State


class FindingStream:
    """Publish and read findings."""

    def __init__(self, state: State) -> None:
        self._state, self._findings, self._hosts = state, FindingRows(state), HostNames(state)
        self._listeners: list[Callable[[], object]] = []

    @contextlib.contextmanager
    def alone(self) -> Iterator[Callable[[], int]]:
        """What is read and published in the block is one unit: nobody else, on any server, writes in between.

        Gives what tells, in the block, the cursor behind every finding that there is.
        """
        try:
            with self._state.transaction() as connection:
                yield lambda: self._findings.revision_within(connection)
        except BaseException:
            self._findings.forget_recent()
            raise
        self._tell()

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]:
        """Save findings. One open under the same fingerprint keeps its start and id, and takes the newer rest.

        They say the names of hosts.
        """
        merged = self._findings.merge(self._hosts.told(findings), now)
        self._tell()
        return merged

    def keep(self, kept: Sequence[Kept], now: datetime) -> None:
        """Save findings of a sender that repeats itself: what it only repeats is counted, and is no news to anybody."""
        self._findings.keep(kept, now)
        if any(one.is_changed for one in kept):
            self._tell()

    def held_until(self, findings: Sequence[str]) -> dict[str, datetime]:
        """Until when the last word about findings holds, where their sender has said so."""
        return self._findings.held_until(findings)

    def times_said(self, findings: Sequence[str]) -> dict[str, int]:
        """How often findings were said, repeats included."""
        return self._findings.times_said(findings)

    def known_findings(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that there are findings of."""
        return self._findings.known(ids)

    def on_news(self, tell: Callable[[], object]) -> None:
        """Have this called whenever findings of this process were stored: quickly, and on any thread."""
        self._listeners.append(tell)

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]:
        """End the open findings with these fingerprints, and return them."""
        ended = self._findings.end(fingerprints, at)
        self._tell()
        return ended

    def open_findings(self, detector_prefix: str = "", detectors: Collection[str] | None = None) -> list[Finding]:
        """Open findings, oldest first; ``detectors``: of these alone."""
        return self._findings.open(detector_prefix, detectors)

    def finding(self, finding: str) -> Finding | None:
        found = self._findings.by_ids([finding])
        return found[0] if found else None

    def findings(
        self,
        *,
        ids: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        entity: str | Collection[str] | None = None,
        limit: int = 1000,
    ) -> list[Finding]:
        """Findings by id, or those that were open at some moment of a span, newest first; of one entity, or several."""
        if ids is not None:
            return self._findings.by_ids(ids)
        entities = [entity] if isinstance(entity, str) else entity
        return self._findings.between(start, end, entities, limit)

    def last_seen(self, finding: str) -> datetime:
        """When a detector last said so.

        Raises:
            NotFoundError: there is no such finding.
        """
        seen = self._findings.last_seen(finding)
        if seen is None:
            raise NotFoundError(f"finding {finding}", "is not known")
        return seen

    def findings_since(self, cursor: int) -> tuple[list[Finding], int]:
        """Every finding that is new, changed or ended after the cursor, and the cursor to go on from."""
        return self._findings.after(cursor)

    def finding_marks(self, cursor: int, limit: int = 20_000) -> tuple[list[Mark], int]:
        """The ids and entities of what ``findings_since`` would give, much cheaper, and the cursor to go on from."""
        return self._findings.marks(cursor, limit)

    def last_finding_revision(self) -> int:
        """The cursor behind every finding that there is."""
        return self._findings.last_revision()

    def lasting_findings(self, since: datetime) -> Iterator[list[Finding]]:
        """All findings that are open, or were at some moment since then, in parts."""
        return self._findings.lasting(since)

    def marked_findings(self, marks: Sequence[Mark]) -> list[Finding]:
        """The findings of marks, as they are now or were at the mark."""
        return self._findings.marked(marks)

    def _tell(self) -> None:
        for tell in self._listeners:
            tell()
