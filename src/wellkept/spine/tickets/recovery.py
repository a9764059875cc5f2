"""Whether an incident is over, and whether that is proven: a ticket closes on nothing less.

It is proven when the platform resolved the incident (all findings over for the quiet time), none of them came back
since, and the last remedy that ran was verified; or when a person says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState, StoryKind
from wellkept.kernel.plan import PlanState
from wellkept.spine.gate import PlanRecord
from wellkept.spine.tickets.base import Ending

MACHINES = frozenset({"correlate", "wellkept", "policy"})
"""Who moves incidents on without being a person."""
UNDER_WAY = frozenset({PlanState.APPROVED, PlanState.RUNNING, PlanState.VERIFYING})
RAN = UNDER_WAY | {PlanState.SUCCEEDED, PlanState.FAILED}


@dataclass(frozen=True, slots=True)
class Recovery:
    """How it stands. ``sentence`` says why it is proven, or what is missing.

    ``may_come`` says that waiting may bring the proof; where it does not, a person has to say that it is over.
    """

    is_over: bool
    is_proven: bool = False
    sentence: str = ""
    ending: Ending = Ending.RECOVERED
    may_come: bool = False


def recovery_of(incident: Incident, findings: Sequence[Finding], plans: Sequence[PlanRecord]) -> Recovery:
    """How far an incident has recovered.

    Args:
        incident: with its story.
        findings: of its members.
        plans: about it, in any order.
    """
    if incident.merged_into:
        return Recovery(True, True, f"The same problem as {incident.merged_into}.", Ending.MERGED)
    if incident.state.is_live:
        return Recovery(False)
    by, why = _who_ended_it(incident)
    if by and by not in MACHINES:
        return Recovery(True, True, f"{by} says that it is over: {why}")
    kept_quiet = {member.finding for member in incident.members if member.held}
    still = [finding for finding in findings if finding.is_open and finding.id not in kept_quiet]
    if still:
        are = "is" if len(still) == 1 else "are"
        return Recovery(True, False, f"{len(still)} of its findings {are} open; somebody has to say that it is over.")
    ran = [record for record in plans if record.state in RAN]
    last = max(ran, key=lambda record: (record.plan.proposed_at, record.plan.id), default=None)
    if last is not None and last.state in UNDER_WAY:
        return Recovery(True, False, f"The remedy “{last.plan.title}” is not verified yet.", may_come=True)
    if last is not None and last.state is PlanState.FAILED:
        what = f"The remedy “{last.plan.title}” was not verified: {last.sentence}"
        return Recovery(True, False, f"{what}; somebody has to say that it is over.")
    remedy = f", and the remedy “{last.plan.title}” was verified" if last is not None else ""
    return Recovery(True, True, f"{why[:1].upper()}{why[1:]}{remedy}." if why else "All findings are over.")


def _who_ended_it(incident: Incident) -> tuple[str, str]:
    """Who resolved or closed it, and why, as its story tells; a person counts before the platform."""
    moves: list[tuple[str, str]] = []
    for entry in incident.timeline:
        state, _, why = entry.what.partition(": ")
        if entry.kind is not StoryKind.STATE:
            continue
        if state == IncidentState.OPEN:
            moves.clear()
        elif state in (IncidentState.RESOLVED, IncidentState.CLOSED):
            moves.append((entry.actor, why))
    by_people = [move for move in moves if move[0] not in MACHINES]
    return (by_people[-1:] or moves[:1] or [("", "")])[0]
