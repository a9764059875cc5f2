"""The stream where stages meet: findings, changes, incidents, diagnoses and verdicts.

Stages never call each other. One publishes here, the next reads what is new.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.verdict import Verdict
from wellkept.store.state.findings import FindingRows
from wellkept.store.state.incidents import IncidentRows
from wellkept.store.state.state import State


class ChangeLog(Protocol):
    """Where changes are kept (the telemetry store)."""

    def write(self, changes: Sequence[Change]) -> None: ...

    def between(self, start: datetime, end: datetime) -> list[Change]: ...


class Stream:
    """Publish and read what the stages say."""

    def __init__(self, state: State, changes: ChangeLog) -> None:
        self._findings = FindingRows(state)
        self._incidents = IncidentRows(state)
        self._changes = changes
        self._saving = threading.Lock()

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]:
        """Save findings. One open under the same fingerprint keeps its start and id, and takes the newer rest."""
        return self._findings.merge(list(findings), now)

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]:
        """End the open findings with these fingerprints, and return them."""
        return self._findings.end(fingerprints, at)

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

    def record(self, change: Change) -> None:
        self._changes.write([change])

    def changes(self, start: datetime, end: datetime) -> list[Change]:
        return self._changes.between(start, end)

    def save_incident(self, incident: Incident) -> None:
        """Save an incident; what others wrote into it since it was read stays in it."""
        with self._saving:
            stored = self._incidents.get(incident.id)
            self._incidents.save(incident.rebased(stored) if stored else incident)

    def incident(self, incident: str) -> Incident | None:
        return self._incidents.get(incident)

    def incidents(self, *, live: bool | None = None, start: datetime | None = None, limit: int = 100) -> list[Incident]:
        """Incidents, newest first."""
        return self._incidents.recent(live, start, limit)

    def save_diagnosis(self, diagnosis: Diagnosis) -> None:
        self._incidents.save_diagnosis(diagnosis)

    def diagnosis(self, incident: str) -> Diagnosis | None:
        return self._incidents.diagnosis(incident)

    def save_verdict(self, verdict: Verdict) -> None:
        self._incidents.save_verdict(verdict)

    def verdicts(self, subject: str | None = None, kind: str | None = None, limit: int = 50) -> list[Verdict]:
        """Verdicts, newest first."""
        return self._incidents.verdicts(subject, kind, limit)
