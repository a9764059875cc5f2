"""The remediate stage: a diagnosed incident, a runbook that fits, a plan proposed at the gate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wellkept.kernel.diagnosis import Cause
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.noise import HoldReason, reason_of, sentence_of
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
MOST_FINDINGS = 1_000
"""So many findings of an incident are looked at."""
RETRYABLE = frozenset({PlanState.VOID, PlanState.EXPIRED})
"""Ends after which another plan is proposed; after any other a person should look."""


class Remediate:
    """Proposes one plan at a time for an incident, and writes its outcome into the incident's story."""

    def __init__(self, stream: Stream, gate: Gate, runbooks: Sequence[Runbook]) -> None:
        self._stream, self._gate, self._runbooks = stream, gate, runbooks

    def tick(self, now: datetime) -> None:
        """Propose plans for live incidents whose cause is known and that have none yet."""
        live = self._stream.incident_heads(live=True)
        known = self._stream.diagnoses([incident.id for incident in live])
        for head in live:
            diagnosis = known.get(head.id)
            if diagnosis is not None and diagnosis.best is not None:
                self._propose(head.id, diagnosis.best, now)

    def settled(self, record: PlanRecord) -> None:
        """Write a plan's outcome into its incident, also when that is over by now (the gate calls this)."""
        incident = self._stream.incident_as_listed(record.plan.subject)
        if incident is None:
            return
        story = f"plan {record.state}: {record.plan.title}: {record.sentence}"
        noted = incident.note(record.updated_at, ACTOR, story, record.plan.id)
        if record.state is PlanState.SUCCEEDED and noted.state in (IncidentState.OPEN, IncidentState.ACKNOWLEDGED):
            noted = noted.move(IncidentState.MITIGATED, record.updated_at, ACTOR, "the remedy was verified")
        self._stream.save_incident(noted)

    def _propose(self, identity: str, cause: Cause, now: datetime) -> None:
        """Offer the runbooks that fit, in the order of their names, until one of them applies here.

        Of an incident of a storm the findings about the cause are looked at, and those that came first.
        """
        before = self._gate.plans(subject=identity)
        if any(record.state not in RETRYABLE for record in before):
            return
        incident = self._stream.incident_as_listed(identity)
        if incident is None:
            return
        findings = self._stream.findings_of(identity, about=cause.entity, limit=MOST_FINDINGS)
        for runbook in self._runbooks:
            reasons = runbook.fits(cause, findings)
            if not reasons:
                continue
            worked_on = self._worked_on(identity, reasons)
            if worked_on:
                self._note_once(incident, f"runbook {runbook.name} is not proposed now: {worked_on}", now)
                return
            if self._offer(runbook, incident, cause, reasons, now, len(before)):
                return

    def _worked_on(self, incident: str, reasons: Sequence[Finding]) -> str:
        """That people are at work on what a runbook is for, in a sentence; empty where some reason is not held so."""
        held = self._stream.holds(incident, [finding.id for finding in reasons])
        if any(reason_of(held.get(finding.id, "")) is not HoldReason.MAINTENANCE for finding in reasons):
            return ""
        return sentence_of(held[reasons[0].id])

    def _offer(
        self,
        runbook: Runbook,
        incident: Incident,
        cause: Cause,
        reasons: Sequence[Finding],
        now: datetime,
        attempt: int,
    ) -> bool:
        try:
            plan = runbook.plan(incident, cause, reasons, now, attempt)
            state = self._gate.propose(plan)
        except InputError as error:
            self._note_once(incident, f"runbook {runbook.name} does not apply: {error}", now)
            return False
        self._note(incident, f"plan proposed ({state}): {plan.title}", now, plan.id)
        return True

    def _note_once(self, incident: Incident, what: str, now: datetime) -> None:
        if all(entry.what != what for entry in incident.timeline):
            self._note(incident, what, now)

    def _note(self, incident: Incident, what: str, now: datetime, reference: str = "") -> None:
        self._stream.save_incident(incident.note(now, ACTOR, what, reference))
