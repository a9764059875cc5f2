"""What those who work on tickets need of the platform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wellkept.kernel.clock import Clock
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.spine.gate import PlanRecord
from wellkept.spine.stream import Stream
from wellkept.spine.tickets.content import Telling, telling
from wellkept.spine.tickets.http import Sending
from wellkept.spine.tickets.recovery import Recovery, recovery_of
from wellkept.spine.tickets.settings import TicketSettings
from wellkept.spine.webhooks.secret import Secrets
from wellkept.store.state.tickets import TicketRows

MOST_PLANS = 100

Plans = Callable[[str], Sequence[PlanRecord]]
"""The plans about an incident."""
Seen = Callable[[str, str, str], None]
"""Is told that somebody works on an incident: its id, who (``github:ada``), and why that is believed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The platform's parts, and who this server is (``server``), for leases."""

    settings: TicketSettings
    rows: TicketRows
    stream: Stream
    plans: Plans
    secrets: Secrets
    transport: Sending
    clock: Clock
    seen: Seen
    server: str
    page: str = ""
    """Where people reach the pages, without a slash at its end; empty where that is not known."""

    def incident(self, incident: str) -> Incident | None:
        """An incident: whole when it is over, for all of its findings have to be then; else as in lists."""
        found = self.stream.incident_as_listed(incident)
        return found if found is None or found.state.is_live else self.stream.incident(incident)

    def page_of(self, incident: str) -> str:
        return f"{self.page}/incidents/{incident}" if self.page else ""


@dataclass(frozen=True, slots=True)
class Facts:
    """An incident with all that its tickets depend on."""

    incident: Incident
    findings: Sequence[Finding]
    recovery: Recovery
    telling: Telling
    diagnosis: Diagnosis | None


def facts_of(parts: Parts, incident: Incident) -> Facts:
    """What is known of an incident now."""
    findings = parts.stream.findings(ids=[member.finding for member in incident.members])
    plans, diagnosis = parts.plans(incident.id), parts.stream.diagnosis(incident.id)
    recovery = recovery_of(incident, findings, plans)
    return Facts(incident, findings, recovery, telling(incident, diagnosis, plans, recovery), diagnosis)
