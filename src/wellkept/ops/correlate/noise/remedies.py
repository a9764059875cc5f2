"""Incidents that mend themselves: while a runbook is at work by itself, nobody is woken for what it is about to mend.

A remedy that fails, takes too long, or did not last lets go of its incident, and people are told then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.noise import Held, HoldReason, reason_of
from wellkept.kernel.plan import PlanState
from wellkept.store.state.plans import PlanRecord

AT_WORK = (PlanState.APPROVED, PlanState.RUNNING, PlanState.VERIFYING)
MOST = 10_000
"""So many plans at work are looked at; of what is beyond that people are told."""
SETTLED = timedelta(seconds=10)
"""So long after its remedy was verified an incident may still be on its way to be called mitigated."""


class Plans(Protocol):
    """Where plans are read from (see :class:`wellkept.store.state.plans.PlanRows`)."""

    def recent(self, subject: str | None, states: Sequence[PlanState] | None, limit: int) -> list[PlanRecord]: ...


class Remedies:
    """Holds what is not critical, for ``wait_s`` seconds from the policy's decision at most; 0: nothing."""

    def __init__(self, plans: Plans | None, wait_s: float) -> None:
        """``plans``: None where nothing runs by itself."""
        self._plans, self._wait = plans, timedelta(seconds=wait_s)

    def of(self, incidents: Iterable[Incident], now: datetime) -> dict[str, Held]:
        """The holds of incidents, by their ids."""
        if self._plans is None or not self._wait:
            return {}
        at_work = {one.plan.subject: one for one in self._plans.recent(None, AT_WORK, MOST) if _is_by_itself(one)}
        held = ((one.id, self._hold(one, at_work.get(one.id), now)) for one in incidents)
        return {incident: hold for incident, hold in held if hold is not None}

    def _hold(self, incident: Incident, record: PlanRecord | None, now: datetime) -> Held | None:
        if incident.severity >= Severity.CRITICAL:
            return None
        if record is None or record.decision is None:
            words = "remedy: it was mended by itself, and is not over yet"
            return Held(HoldReason.REMEDY, {}, words) if self._is_mended(incident, now) else None
        if incident.state is not IncidentState.OPEN:
            return None
        until = record.decision.at + self._wait
        if now >= until:
            return None
        values = {"plan": record.plan.id, "runbook": record.plan.runbook}
        words = f"remedy: runbook {record.plan.runbook} is at work by itself (plan {record.plan.id})"
        return Held(HoldReason.REMEDY, values, words, until)

    def _is_mended(self, incident: Incident, now: datetime) -> bool:
        """Whether the remedy that it was held for has worked; what comes back after that is told."""
        if reason_of(incident.held) is not HoldReason.REMEDY:
            return False
        if incident.state is IncidentState.MITIGATED:
            return True
        done = self._plans.recent(incident.id, (PlanState.SUCCEEDED,), 1) if self._plans is not None else []
        return any(_is_by_itself(one) and now - one.updated_at < SETTLED for one in done)


def _is_by_itself(record: PlanRecord) -> bool:
    return bool(record.plan.runbook) and record.decision is not None and record.decision.is_by_policy
