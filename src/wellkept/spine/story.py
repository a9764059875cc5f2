"""The story of an incident: everything that happened to it and around it, merged from where it is kept.

Findings, changes near it, plans with their decisions and runs, notifications and what people did come from their own
sources when the story is read; what the incident itself says is told where no source does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from wellkept.kernel.clock import Clock
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState
from wellkept.kernel.story import StoryKind, TimelineEntry
from wellkept.spine.audit import Audit, AuditEntry
from wellkept.spine.gate import Gate
from wellkept.spine.severity import Reach, reach_of
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology

MOST_FINDINGS, MOST_ENTITIES, MOST_PLANS = 500, 100, 50
"""More of them are counted, not told one by one."""
BEFORE = timedelta(minutes=30)
"""Changes so long before the onset are near it."""
HOPS = 2
"""Changes of what the unwell entities depend on, so far away, are near it, too."""
_STATES = tuple(f"{state}: " for state in IncidentState)
_OF_REFERENCE = {"fnd-": StoryKind.FINDING, "chg-": StoryKind.CHANGE, "pln-": StoryKind.RUN}
_DECISIONS = frozenset({"plan.approved", "plan.rejected"})
_SAID = ("sentence", "why")

Source = Callable[[Incident], Iterable[TimelineEntry]]
"""Lines that somebody else keeps about an incident, such as what was told to whom."""


class Storyteller:
    """Tells the story of an incident, in the order of time."""

    def __init__(
        self,
        stream: Stream,
        gate: Gate,
        audit: Audit,
        topology: Topology,
        clock: Clock,
        sources: Sequence[Source] = (),
    ) -> None:
        self._stream, self._gate, self._audit = stream, gate, audit
        self._topology, self._clock, self._sources = topology, clock, tuple(sources)

    def story(self, incident: Incident, kinds: Iterable[StoryKind] = ()) -> list[TimelineEntry]:
        """Every line, or those of some kinds. No end comes before its beginning, whatever a sender's clock says."""
        ids = [member.finding for member in incident.members[:MOST_FINDINGS]]
        findings = self._stream.findings(ids=ids)
        plans = self._gate.plans(subject=incident.id, limit=MOST_PLANS)
        told = [*self._of_findings(incident, findings), *self._of_changes(incident, {p.plan.id for p in plans})]
        for record in plans:
            told += self._of_plan(record.plan.id, record.plan.title)
        for source in self._sources:
            told += source(incident)
        known = {entry.reference for entry in told if entry.reference}
        told += [entry for entry in map(classed, incident.timeline) if not _is_told(entry, known)]
        wanted = frozenset(kinds) or frozenset(StoryKind)
        return sorted((entry for entry in told if entry.kind in wanted), key=lambda entry: entry.at)

    def reach(self, incident: Incident) -> Reach:
        """What depends on what it is about, as it was at its end; of one that goes on, as it is now."""
        graph = self._topology.graph(incident.resolved_at or incident.closed_at or self._clock.now())
        return reach_of(graph, incident.entities[:MOST_ENTITIES])

    def _of_findings(self, incident: Incident, findings: Sequence[Finding]) -> Iterator[TimelineEntry]:
        held = {member.finding: member.held for member in incident.members if member.held}
        for finding in findings:
            quiet = f" (kept quiet: {held[finding.id]})" if finding.id in held else ""
            said = finding.sentence + quiet
            yield TimelineEntry(finding.starts_at, finding.detector, said, finding.id, StoryKind.FINDING)
            if finding.ends_at is not None:
                over, said = max(finding.starts_at, finding.ends_at), f"over: {finding.sentence}"
                yield TimelineEntry(over, finding.detector, said, finding.id, StoryKind.FINDING)
        if incident.count > MOST_FINDINGS:
            said = f"{incident.count - MOST_FINDINGS} more findings belong to it"
            yield TimelineEntry(incident.updated_at, "correlate", said, kind=StoryKind.FINDING)

    def _of_changes(self, incident: Incident, plans: set[str]) -> Iterator[TimelineEntry]:
        """What was changed near it. What its own plans changed is told by their runs."""
        entities = {entity for entity in incident.entities[:MOST_ENTITIES] if entity}
        graph = self._topology.graph(incident.opened_at)
        near = entities.union(*(graph.dependencies(entity, HOPS) for entity in entities)) if entities else set()
        end = incident.resolved_at or incident.closed_at or self._clock.now()
        for change in self._stream.changes(incident.opened_at - BEFORE, max(end, incident.opened_at)):
            if change.entity in near and change.reference not in plans:
                said = f"{change.kind.value} of {change.entity.partition(':')[2]}: {change.summary}"
                yield TimelineEntry(change.at, change.actor, said, change.id, StoryKind.CHANGE)

    def _of_plan(self, plan: str, title: str) -> Iterator[TimelineEntry]:
        """From the audit log: proposed, decided, started, each action, and how it ended."""
        for entry in reversed(self._audit.entries(limit=200, subject=plan)):
            kind = StoryKind.DECISION if entry.verb in _DECISIONS else StoryKind.RUN
            word = entry.verb.replace(".", " ").replace("_", " ")
            yield TimelineEntry(entry.at, entry.actor, f"{word}: {_said(entry, title)}", plan, kind)


def classed(entry: TimelineEntry) -> TimelineEntry:
    """A line with its kind; those that were written before lines had one are told by what they refer to."""
    if entry.kind is not StoryKind.NOTE:
        return entry
    kind = next((kind for prefix, kind in _OF_REFERENCE.items() if entry.reference.startswith(prefix)), entry.kind)
    if entry.what.startswith(_STATES) or entry.reference.startswith("inc-") or entry.what.startswith("opened because"):
        kind = StoryKind.STATE
    elif entry.actor == "diagnose":
        kind = StoryKind.DIAGNOSIS
    return TimelineEntry(entry.at, entry.actor, entry.what, entry.reference, kind)


def _is_told(entry: TimelineEntry, known: set[str]) -> bool:
    """Whether a source tells the same already."""
    return entry.reference in known and entry.kind in (StoryKind.FINDING, StoryKind.CHANGE, StoryKind.RUN)


def _said(entry: AuditEntry, title: str) -> str:
    said = next((str(entry.details[key]) for key in _SAID if entry.details.get(key)), "")
    return f"{title} ({said})" if said and said != title else title
