"""The remediate stage: a diagnosed incident, a runbook that fits, a plan proposed at the gate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.plan import PlanState
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.remediate.base import Runbook
from wellkept.spine.gate import Gate, PlanRecord
from wellkept.spine.stream import Stream

STAGE = Stage(
    name="ops.remediate",
    consumes=frozenset({Message.INCIDENT, Message.DIAGNOSIS, Message.FINDING}),
    emits=frozenset({Message.PLAN}),
    purpose="picks the runbook that fits the diagnosed cause and proposes its plan",
)

ACTOR = "wellkept"


class Remediate:
    """Proposes one plan at a time for an incident, and writes its outcome into the incident's story."""

    def __init__(self, stream: Stream, gate: Gate, runbooks: Sequence[Runbook]) -> None:
        self._stream, self._gate, self._runbooks = stream, gate, runbooks

    def tick(self, now: datetime) -> None:
        """Propose plans for live incidents whose cause is known and that have none yet."""
        for incident in self._stream.incidents(live=True):
            if not self._is_taken_care_of(incident):
                self._propose(incident, now)

    def settled(self, record: PlanRecord) -> None:
        """Write a plan's outcome into its incident (the gate calls this)."""
        incident = self._stream.incident(record.plan.subject)
        if incident is None or not incident.state.is_live:
            return
        story = f"plan {record.state}: {record.plan.title}: {record.sentence}"
        noted = incident.note(record.updated_at, ACTOR, story, record.plan.id)
        if record.state is PlanState.SUCCEEDED and noted.state is not IncidentState.MITIGATED:
            noted = noted.move(IncidentState.MITIGATED, record.updated_at, ACTOR, "the remedy was verified")
        self._stream.save_incident(noted)

    def _is_taken_care_of(self, incident: Incident) -> bool:
        """Whether a plan is under way, or one ended in a way that a person should look at."""
        retryable = {PlanState.VOID, PlanState.EXPIRED}
        return any(record.state not in retryable for record in self._gate.plans(subject=incident.id))

    def _propose(self, incident: Incident, now: datetime) -> None:
        diagnosis = self._stream.diagnosis(incident.id)
        if diagnosis is None or diagnosis.best is None:
            return
        findings = self._stream.findings(ids=[member.finding for member in incident.members])
        for runbook in self._runbooks:
            reasons = runbook.fits(diagnosis.best, findings)
            if reasons:
                self._offer(runbook, incident, reasons, now)
                return

    def _offer(self, runbook: Runbook, incident: Incident, reasons: Sequence[Finding], now: datetime) -> None:
        diagnosis = self._stream.diagnosis(incident.id)
        if diagnosis is None or diagnosis.best is None:
            return
        plan = runbook.plan(incident, diagnosis.best, reasons, now)
        try:
            state = self._gate.propose(plan)
        except InputError as error:
            self._note_once(incident, f"runbook {runbook.name} does not apply: {error}", now)
            return
        self._note_once(incident, f"plan proposed ({state}): {plan.title}", now, plan.id)

    def _note_once(self, incident: Incident, what: str, now: datetime, reference: str = "") -> None:
        if all(entry.what != what for entry in incident.timeline):
            self._stream.save_incident(incident.note(now, ACTOR, what, reference))
