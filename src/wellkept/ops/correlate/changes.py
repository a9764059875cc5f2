"""Which change a finding may share with others: one reference, several entities, shortly before."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable

from wellkept.kernel.change import Change
from wellkept.kernel.finding import Finding


class Changes:
    """The latest changes by entity. Only one that names a reference can be shared by several."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._by_entity: dict[str, list[tuple[float, str]]] = defaultdict(list)

    def add(self, changes: Iterable[Change]) -> set[str]:
        """Take changes; returns the entities of those that are new."""
        news: set[str] = set()
        for change in changes:
            told = (change.at.timestamp(), change.reference)
            if change.reference and change.entity and told not in self._by_entity[change.entity]:
                insort(self._by_entity[change.entity], told)
                news.add(change.entity)
        return news

    def shared_by(self, finding: Finding) -> str:
        """The reference of the last change of the finding's entity before it began; empty where there is none."""
        told = self._by_entity.get(finding.entity)
        if not told:
            return ""
        start = finding.starts_at.timestamp()
        at = bisect_right(told, (start, "\U0010ffff"))
        return told[at - 1][1] if at and start - told[at - 1][0] <= self._within_s else ""
