"""The stream where stages meet: findings, changes, incidents, diagnoses and verdicts.

Stages never call each other. One publishes here, the next reads what is new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, Member
from wellkept.kernel.verdict import Verdict
from wellkept.store.state.conclusions import ConclusionRows
from wellkept.store.state.findings import FindingRows, Kept, Mark
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.state import State


class ChangeLog(Protocol):
    """Where changes are kept (the telemetry store)."""

    def write(self, changes: Sequence[Change]) -> None: ...

    def between(self, start: datetime, end: datetime) -> list[Change]: ...


class Stream:
    """Publish and read what the stages say."""

    def __init__(self, state: State, changes: ChangeLog) -> None:
        self._state, self._findings = state, FindingRows(state)
        self._incidents = IncidentRows(state)
        self._conclusions = ConclusionRows(state)
        self._changes = changes
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
        """Save findings. One open under the same fingerprint keeps its start and id, and takes the newer rest."""
        merged = self._findings.merge(list(findings), now)
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

    def open_findings(self, detector_prefix: str = "") -> list[Finding]:
        """Open findings, oldest first."""
        return self._findings.open(detector_prefix)

    def finding(self, finding: str) -> Finding | None:
        found = self._findings.by_ids([finding])
        return found[0] if found else None

    def findings(
        self,
        *,
        ids: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        entity: str | None = None,
        limit: int = 1000,
    ) -> list[Finding]:
        """Findings by id, or those that were open at some moment of a span, newest first."""
        if ids is not None:
            return self._findings.by_ids(ids)
        return self._findings.between(start, end, entity, limit)

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

    def record(self, change: Change) -> None:
        self._changes.write([change])

    def changes(self, start: datetime, end: datetime) -> list[Change]:
        return self._changes.between(start, end)

    def save_incident(self, incident: Incident) -> None:
        """Save an incident; what others wrote into it since it was read stays in it.

        One that came from a list may be saved, too: members that were not loaded are not taken out.
        """
        self._incidents.save(incident)

    def grow_incidents(self, parts: Sequence[Incident]) -> tuple[list[Incident], int]:
        """Save many at once, each with no other members and lines than those that are new or changed.

        Returns their heads (all that is stored, without members and story) and the revision before these saves. Who
        groups findings calls this: title, severity and onset are taken as they are given.
        """
        return self._incidents.grow(parts)

    def change_incidents(
        self, ids: Sequence[str], make: Callable[[dict[str, Incident]], Sequence[Incident]]
    ) -> list[Incident]:
        """Read incidents whole, have them changed, and save what ``make`` gives back, while nobody else writes any.

        ``ids`` names also those that may be new. What ``make`` raises leaves everything as it was.
        """
        return self._incidents.change(ids, make)

    def incident(self, incident: str) -> Incident | None:
        """An incident with all of its members and its whole story, be they 100,000."""
        return self._incidents.get(incident)

    def incident_as_listed(self, incident: str) -> Incident | None:
        """An incident as lists have it: see ``incidents``."""
        return self._incidents.listed(incident)

    def findings_of(self, incident: str, *, about: str = "", limit: int = 1000) -> list[Finding]:
        """Findings of an incident, earliest first: all up to the limit, else those about an entity before others."""
        return self._findings.by_ids(self._incidents.finding_ids(incident, about, limit))

    def incidents(self, *, live: bool | None = None, start: datetime | None = None, limit: int = 100) -> list[Incident]:
        """Incidents, newest first, as in lists: of a large one only the first 200 members and the last 200 lines come
        with it, and its ``extent`` says how many members it has, and of which entities.
        """
        return self._incidents.recent(live, start, limit)

    def incidents_since(self, revision: int, limit: int = 500) -> tuple[list[Incident], int]:
        """Incidents as in lists that were saved after a revision, oldest save first, and the revision to go on from.

        An incident that was saved several times meanwhile comes once, as it is now.
        """
        return self._incidents.since(revision, limit)

    def last_revision(self) -> int:
        """The revision of the newest save of an incident."""
        return self._incidents.last_revision()

    def incident_heads(self, *, live: bool, start: datetime | None = None) -> list[Incident]:
        """All live incidents, or all others that were touched since ``start``, without members and story."""
        return self._incidents.heads(live, start)

    def member_ids(self, incidents: Sequence[str]) -> dict[str, list[str]]:
        """Incident to the ids of all of its findings."""
        return self._incidents.member_ids(incidents)

    def members(self, incident: str, *, offset: int = 0, limit: int = 200) -> list[Member]:
        """Members of an incident in the order in which they joined."""
        return self._incidents.members(incident, offset, limit)

    def put_by_hand(self, incidents: Sequence[str]) -> dict[str, list[str]]:
        """Incident to the findings that somebody put there."""
        return self._incidents.by_hand(incidents)

    def ended_about(self, fingerprints: Sequence[str], since: datetime) -> dict[str, str]:
        """Fingerprint to the newest incident about such a finding that is over and was touched after ``since``."""
        return self._incidents.ended_about(fingerprints, since)

    def incidents_holding(self, findings: Sequence[str]) -> dict[str, list[str]]:
        """Finding to the ids of the incidents that it is a member of."""
        return self._incidents.holding(findings)

    def save_diagnosis(self, diagnosis: Diagnosis) -> None:
        self._conclusions.save_diagnosis(diagnosis)

    def diagnosis(self, incident: str) -> Diagnosis | None:
        return self._conclusions.diagnosis(incident)

    def diagnoses(self, incidents: Sequence[str]) -> dict[str, Diagnosis]:
        """The last diagnosis of each of the incidents that has one."""
        return self._conclusions.diagnoses(incidents)

    def save_verdict(self, verdict: Verdict) -> None:
        self._conclusions.save_verdict(verdict)

    def verdicts(self, subject: str | None = None, kind: str | None = None, limit: int = 50) -> list[Verdict]:
        """Verdicts, newest first."""
        return self._conclusions.verdicts(subject, kind, limit)
