"""What is done with grouping rules: tried on the stored history, and suggested from what people did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, NotFoundError, TooLargeError
from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import GroupingDecision, GroupRule, StoredRule
from wellkept.kernel.incident import Incident
from wellkept.ops.correlate.rules.replay import Replayed, replay
from wellkept.ops.correlate.rules.suggest import Suggestion, suggest
from wellkept.spine.graph import Graph
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.labels import Whose, carries, labels_of

MONTH_DAYS, MOST_DAYS = 30, 366
MOST = 200_000
"""Findings that a replay reads at most."""
LEARNED_FROM = timedelta(days=180)


class History(Protocol):
    """What a replay needs of the stream."""

    def lasting_findings(self, since: datetime) -> Iterator[list[Finding]]: ...

    def incident_heads(self, *, live: bool, start: datetime | None = None) -> list[Incident]: ...

    def member_ids(self, incidents: Sequence[str]) -> dict[str, list[str]]: ...


class Places(Protocol):
    """What it needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


@dataclass(frozen=True, slots=True)
class Past:
    """The stored history of some days: findings, and incident to the ids of its findings."""

    days: float
    findings: Sequence[Finding]
    incidents: Mapping[str, Sequence[str]]
    graph: Graph
    whose: Whose | None = None

    def tried(self, rule: GroupRule) -> Replayed:
        """What a rule would have done."""
        entities = self.graph.entities

        def labels(finding: Finding) -> Mapping[str, str]:
            return labels_of(finding, entities.get(finding.entity), self.whose)

        def population(kind: str, wanted: Mapping[str, str]) -> int:
            return sum(one.kind.value == kind and carries(one, wanted) for one in entities.values())

        return replay(rule, self.findings, self.incidents, labels, population)


class GroupingUse:
    """Tries and suggests, and takes what of that is not wanted."""

    def __init__(
        self, desk: GroupingDesk, stream: History, topology: Places, clock: Clock, whose: Whose | None = None
    ) -> None:
        self.desk, self._stream, self._topology, self._clock = desk, stream, topology, clock
        self._whose = whose

    def past(self, days: float = MONTH_DAYS) -> Past:
        """The history of the last days.

        Raises:
            InputError: it is no number of days.
            TooLargeError: there are too many findings in it.
        """
        if not 0 < days <= MOST_DAYS:
            raise InputError("days", f"must be above 0 and at most {MOST_DAYS}", days)
        now = self._clock.now()
        since = now - timedelta(days=days)
        found: list[Finding] = []
        for part in self._stream.lasting_findings(since):
            found += part
            if len(found) > MOST:
                raise TooLargeError("days", f"must reach back over at most {MOST} findings; take fewer", days)
        heads = [*self._stream.incident_heads(live=True), *self._stream.incident_heads(live=False, start=since)]
        present = [head.id for head in heads if not head.merged_into]  # what was merged is in the one that took it in
        members = self._stream.member_ids(present)
        return Past(days, found, members, self._topology.graph(now), self._whose)

    def tried(self, rule: GroupRule, days: float = MONTH_DAYS) -> Replayed:
        """What a rule would have done over the last days; see :meth:`past` for errors."""
        return self.past(days).tried(rule)

    def suggestions(self, days: float = MONTH_DAYS) -> list[tuple[Suggestion, Replayed]]:
        """The rules that follow from what people did, each with what it would have done."""
        found = self._suggested()
        if not found:
            return []
        past = self.past(days)
        return [(one, past.tried(one.rule)) for one in found]

    def settled(self) -> int:
        """How many rules follow from what people did and are not suggested: they stand already, or are not wanted."""
        return len(suggest(self._decisions())) - len(self._suggested())

    def dismiss(self, name: str, by: str) -> StoredRule:
        """Never suggest this rule again.

        Raises:
            NotFoundError: it is not suggested.
        """
        found = next((one.rule for one in self._suggested() if one.rule.name == name), None)
        if found is None:
            raise NotFoundError(f"suggestion {name}", "is not made, or not any more")
        return self.desk.dismiss(found, by)

    def _suggested(self) -> list[Suggestion]:
        found = suggest(self._decisions(), [one.rule for one in self.desk.rules()])
        return [one for one in found if not self.desk.is_unwanted(one.rule.name)]

    def _decisions(self) -> list[GroupingDecision]:
        return self.desk.decisions(0, self._clock.now() - LEARNED_FROM)[0]
