"""Why an incident is what it is: each finding's tie, what keeps it quiet, its severity, and what hands did to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import GroupingDecision
from wellkept.kernel.incident import Incident, Tie
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.stream import Stream

MEANINGS: Mapping[Tie, str] = {
    Tie.FIRST: "it is the first sign",
    Tie.SAME_FINDING: "it is the same trouble told again",
    Tie.SAME_ENTITY: "it is about the same entity",
    Tie.DEPENDS_ON: "one of the two entities depends on the other",
    Tie.SHARED_DEPENDENCY: "both entities depend on the same one",
    Tie.SAME_TIME: "nobody tells what depends on what here, and both began together",
    Tie.SAME_RESOURCE: "it is about the same resource",
    Tie.SHARED_TEXT: "it says the same",
    Tie.SHARED_LABELS: "it carries the same labels",
    Tie.CO_OCCURRENCE: "the two came together before, more often than by chance",
    Tie.SHARED_CHANGE: "one change is the likely origin of both",
    Tie.RULE: "a grouping rule says so",
    Tie.HAND: "somebody put it there",
    Tie.GROUPED_BEFORE: "what tied it is gone, or it came with a merged incident",
}


@dataclass(frozen=True, slots=True)
class Membership:
    """A finding in an incident and why."""

    finding: str
    entity: str
    severity: str
    is_open: bool
    since: datetime
    says: str
    joined_at: datetime
    tie: str
    meaning: str
    values: Mapping[str, str]
    why: str
    via: str
    held: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that made an incident what it is."""

    incident: str
    title: str
    state: str
    severity: str
    severity_why: str
    held: str
    heard_late: str
    owner: str
    owner_why: str
    members: tuple[Membership, ...]
    ties: Mapping[str, int]
    """How many members each tie brought."""
    reopens: str
    split_from: str
    merged_into: str
    related: tuple[str, ...]
    took_in: tuple[str, ...]
    """Incidents that were merged into it."""
    gave_away: Mapping[str, str]
    """Findings that were taken out of it, and to where."""
    decisions: tuple[GroupingDecision, ...]


def explain(incident: Incident, stream: Stream, grouping: GroupingDesk) -> Explanation:
    """Why each finding is in it, and what became of it by hand."""
    findings = {finding.id: finding for finding in stream.findings(ids=[m.finding for m in incident.members])}
    members = _memberships(incident, findings)
    made, _ = grouping.decisions(since=incident.opened_at)
    ties: dict[str, int] = {}
    for member in members:
        ties[member.tie] = ties.get(member.tie, 0) + 1
    by_hand = f"{incident.owned_by} said so" if incident.owned_by else "the catalogue says so"
    return Explanation(
        incident=incident.id,
        title=incident.title,
        state=incident.state.value,
        severity=incident.severity.name.lower(),
        severity_why=incident.severity_why or f"the worst of its {incident.count} findings",
        held=incident.held,
        heard_late=incident.heard_late,
        owner=incident.owner,
        owner_why=by_hand if incident.owner else "",
        members=members,
        ties=ties,
        reopens=incident.reopens,
        split_from=incident.split_from,
        merged_into=incident.merged_into,
        related=incident.related,
        took_in=tuple(dict.fromkeys(member.via for member in incident.members if member.via)),
        gave_away={departure.finding: departure.to for departure in incident.left},
        decisions=tuple(one for one in made if incident.id in (one.left.incident, one.right.incident)),
    )


def _memberships(incident: Incident, findings: Mapping[str, Finding]) -> tuple[Membership, ...]:
    known: Sequence[tuple[str, Finding | None]] = [(m.finding, findings.get(m.finding)) for m in incident.members]
    return tuple(
        Membership(
            finding=member.finding,
            entity=member.entity,
            severity=finding.severity.name.lower() if finding else "",
            is_open=finding.is_open if finding else False,
            since=finding.starts_at if finding else member.joined_at,
            says=finding.sentence if finding else "the finding itself is not kept any more",
            joined_at=member.joined_at,
            tie=member.tie.value,
            meaning=MEANINGS[member.tie],
            values=member.values,
            why=member.why,
            via=member.via,
            held=member.held,
        )
        for member, (_, finding) in zip(incident.members, known, strict=True)
    )
