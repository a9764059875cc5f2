"""The stream where stages meet: findings, changes, incidents, diagnoses and verdicts.

Stages never call each other. One publishes here, the next reads what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.diagnosis import Diagnosis, Reworded
from wellkept.kernel.finding import Finding
from wellkept.kernel.verdict import Verdict
from wellkept.spine.findingstream import FindingStream
from wellkept.spine.incidentstream import IncidentStream
from wellkept.store.state.conclusions import ConclusionRows
from wellkept.store.state.state import State


class ChangeLog(Protocol):
    """Where changes are kept (the telemetry store)."""

    def write(self, changes: Sequence[Change]) -> None: ...

    def between(self, start: datetime, end: datetime) -> list[Change]: ...


class Stream(FindingStream, IncidentStream):
    """Publish and read what the stages say."""

    def __init__(self, state: State, changes: ChangeLog) -> None:
        FindingStream.__init__(self, state)
        IncidentStream.__init__(self, state)
        self._conclusions = ConclusionRows(state)
        self._changes = changes

    def record(self, change: Change) -> None:
        self._changes.write([change])

    def changes(self, start: datetime, end: datetime) -> list[Change]:
        return self._changes.between(start, end)

    def findings_of(self, incident: str, *, about: str = "", limit: int = 1000) -> list[Finding]:
        """Findings of an incident, earliest first: all up to the limit, else those about an entity before others."""
        return self._findings.by_ids(self._incidents.finding_ids(incident, about, limit))

    def save_diagnosis(self, diagnosis: Diagnosis) -> None:
        self._conclusions.save_diagnosis(diagnosis)

    def diagnosis(self, incident: str) -> Diagnosis | None:
        return self._conclusions.diagnosis(incident)

    def diagnoses(self, incidents: Sequence[str]) -> dict[str, Diagnosis]:
        """The last diagnosis of each of the incidents that has one."""
        return self._conclusions.diagnoses(incidents)

    def reword(self, incident: str, story: str, reworded: Reworded) -> bool:
        """Keep other words for a paragraph; false where the diagnosis has another paragraph by now."""
        return self._conclusions.reword(incident, story, reworded)

    def save_verdict(self, verdict: Verdict) -> None:
        self._conclusions.save_verdict(verdict)

    def verdicts(self, subject: str | None = None, kind: str | None = None, limit: int = 50) -> list[Verdict]:
        """Verdicts, newest first."""
        return self._conclusions.verdicts(subject, kind, limit)
