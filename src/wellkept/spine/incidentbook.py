"""Reading incidents: finding them, their stories, why they are what they are, how they went, and drafts of reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.incident import Incident
from wellkept.kernel.plan import PlanState
from wellkept.kernel.story import StoryKind, TimelineEntry
from wellkept.spine.explaining import Explanation, explain
from wellkept.spine.gate import Gate
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.incidentsummary import Summary, summarize
from wellkept.spine.postmortem import Case, draft
from wellkept.spine.story import MOST_FINDINGS, Storyteller
from wellkept.spine.stream import Stream
from wellkept.store.state.incidentsearch import IncidentSearch, Wanted
from wellkept.store.state.state import State

__all__ = ["IncidentBook", "Wanted"]

MOST_DAYS = 400
_RUN = (PlanState.RUNNING, PlanState.VERIFYING, PlanState.SUCCEEDED, PlanState.FAILED)
EVERY_ONE = 100_000


@dataclass(frozen=True, slots=True)
class Linked:
    """Another incident, and what it has to do with the one that is read."""

    incident: str
    title: str
    state: str
    how: str


class IncidentBook:
    """What people ask about incidents, answered from the store."""

    def __init__(
        self, state: State, stream: Stream, gate: Gate, grouping: GroupingDesk, storyteller: Storyteller, clock: Clock
    ) -> None:
        self._search = IncidentSearch(state)
        self._stream, self._gate, self._grouping = stream, gate, grouping
        self._storyteller, self._clock = storyteller, clock

    def find(
        self, wanted: Wanted, *, offset: int = 0, limit: int = 50, parts: bool = False
    ) -> tuple[list[Incident], int]:
        """Some incidents, newest first, and how many there are in all.

        They are without members and story; with ``parts`` of each the first 200 members and last 200 lines are there.
        """
        return self._search.find(wanted, offset=offset, limit=limit, parts=parts)

    def read(self, incident: str) -> Incident:
        """An incident, whole.

        Raises:
            NotFoundError: there is none of that id.
        """
        return self._stream.known_incident(incident)

    def glance(self, incident: str) -> Incident:
        """An incident with its first 200 findings and the last 200 lines of its story, however many it has.

        Raises:
            NotFoundError: there is none of that id.
        """
        found = self._stream.incident_as_listed(incident)
        if found is None:
            raise NotFoundError(f"incident {incident}", "is not known")
        return found

    def story(self, incident: Incident, kinds: Iterable[StoryKind] = ()) -> list[TimelineEntry]:
        """Everything that happened to it and around it, in the order of time; or some kinds of that."""
        return self._storyteller.story(incident, kinds)

    def explain(self, incident: str) -> Explanation:
        """Why each of its findings is in it, its severity, and what hands did to it.

        Raises:
            NotFoundError: there is none of that id.
        """
        return explain(self.read(incident), self._stream, self._grouping)

    def links(self, incident: Incident) -> list[Linked]:
        """Every incident that it has to do with."""
        hows = [
            (incident.reopens, "it is the return of"),
            (incident.split_from, "it was split from"),
            (incident.merged_into, "it was merged into"),
            *((other, "it has to do with") for other in incident.related),
        ]
        found = [linked for name, how in hows if name and (linked := self._linked(name, how)) is not None]
        returns = self._search.returns_of(incident.id)
        return found + [Linked(one.id, one.title, one.state.value, "it came back as") for one in returns]

    def summary(self, start: datetime, end: datetime) -> Summary:
        """How incidents went that began in a span, per service and per model.

        Raises:
            InputError: the span is empty, or longer than 400 days.
        """
        if not start < end:
            raise InputError("start", "must be before end", start.isoformat())
        if (end - start).days > MOST_DAYS:
            raise InputError("start", f"must be at most {MOST_DAYS} days before end", start.isoformat())
        found, _ = self._search.find(Wanted(start=start, end=end), limit=EVERY_ONE)
        acted = {record.plan.subject for record in self._gate.plans(states=_RUN, limit=EVERY_ONE)}
        return summarize(found, acted, start, end)

    def postmortem(self, incident: str, zone: tzinfo = UTC) -> str:
        """A draft in Markdown, from the record alone.

        Raises:
            NotFoundError: there is none of that id.
        """
        found = self.read(incident)
        plans = self._gate.plans(subject=incident, limit=100)
        findings = self._stream.findings(ids=[member.finding for member in found.members[:MOST_FINDINGS]])
        reach = self._storyteller.reach(found)
        case = Case(found, self.story(found), self._stream.diagnosis(incident), plans, findings, reach)
        return draft(case, self._clock.now(), zone)

    def _linked(self, incident: str, how: str) -> Linked | None:
        found = self._stream.incident_as_listed(incident)
        return Linked(found.id, found.title, found.state.value, how) if found is not None else None
