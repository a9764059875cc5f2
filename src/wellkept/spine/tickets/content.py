"""What a ticket says about an incident, and what is said when that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import Any

from wellkept.kernel.clock import stable_id
from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import PlanState
from wellkept.spine.gate import PlanRecord
from wellkept.spine.tickets.recovery import Recovery
from wellkept.spine.tickets.text import Block, Link, Points, Say

MOST_POINTS = 10
TOLD_PLANS = frozenset(PlanState) - {PlanState.PROPOSED, PlanState.VOID, PlanState.EXPIRED}


@dataclass(frozen=True, slots=True)
class Telling:
    """What a ticket tells of an incident: as much as is worth a comment when it changes."""

    state: str
    severity: int
    title: str
    diagnosis: str = ""
    plans: tuple[str, ...] = ()
    assignee: str = ""
    over: str = ""
    """Where it is over: why that is proven, or what is missing."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Telling:
        """One that was kept."""
        return cls(**{**document, "plans": tuple(document.get("plans", ()))})

    def kept(self) -> dict[str, Any]:
        return {**asdict(self), "plans": list(self.plans)}

    @property
    def level(self) -> Severity:
        return Severity(self.severity)


def telling(
    incident: Incident, diagnosis: Diagnosis | None, plans: Sequence[PlanRecord], recovery: Recovery
) -> Telling:
    """What is to be told of an incident now."""
    told = sorted(
        (one for one in plans if one.state in TOLD_PLANS), key=lambda one: (one.plan.proposed_at, one.plan.id)
    )
    return Telling(
        state=incident.state.value,
        severity=int(incident.severity),
        title=incident.title,
        diagnosis=diagnosis.sentence if diagnosis and diagnosis.best else "",
        plans=tuple(f"{one.plan.title} ({one.state.value})" for one in told[-MOST_POINTS:]),
        assignee=incident.assignee,
        over=recovery.sentence if recovery.is_over else "",
    )


def first_text(incident: Incident, now: Telling, findings: Sequence[Finding], page: str) -> list[Block]:
    """What stands in a new ticket."""
    since = incident.opened_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text: list[Block] = [Say(f"{now.level.name.capitalize()} since {since}: {incident.title}")]
    if now.diagnosis:
        text.append(Say(f"Likely cause: {now.diagnosis}"))
    worst = sorted(findings, key=lambda one: (not one.is_open, -int(one.severity), one.starts_at, one.id))
    text.append(Say(f"Findings ({incident.count}):"))
    text.append(Points(tuple(one.sentence for one in worst[:MOST_POINTS])))
    text.append(Say(f"Affected: {', '.join(incident.entities[:MOST_POINTS])}"))
    if now.plans:
        text += [Say("Remedies:"), Points(now.plans)]
    if page:
        text.append(Link(f"Incident {incident.id}, ticket {incident.ticket}", page))
    text.append(Say("This ticket is kept up to date, and closed when the recovery is verified."))
    return text


def change_text(before: Telling, now: Telling) -> list[Block]:
    """What is said when one becomes the other; nothing where that is not worth a word."""
    lines: list[str] = []
    if now.severity != before.severity:
        lines.append(f"Severity: {now.level.name.lower()} (was {before.level.name.lower()})")
    if now.state != before.state and not now.over:
        lines.append(f"State: {now.state}")
    if now.assignee and now.assignee != before.assignee:
        lines.append(f"Works on it: {now.assignee}")
    if now.diagnosis and now.diagnosis != before.diagnosis:
        lines.append(f"Likely cause: {now.diagnosis}")
    lines += [f"Remedy: {plan}" for plan in now.plans if plan not in before.plans]
    if not lines:
        return []
    return [Say(now.title), Points(tuple(lines))] if now.title != before.title else [Points(tuple(lines))]


def mark_of(mark: str, text: Sequence[Block], now: Telling) -> str:
    """What a comment of a ticket is found again by: the same for the same words about the same state."""
    return stable_id("c", mark, repr(text), repr(sorted(now.kept().items()))).replace("-", "")
