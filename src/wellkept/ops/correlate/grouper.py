"""The grouper: findings come and go, and the groups of those that something changed for are told."""

from __future__ import annotations

from collections.abc import Iterable

from wellkept.kernel.finding import Finding
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.groups import Group, group
from wellkept.spine.graph import Graph


class Grouper:
    """Holds the findings that may still be grouped, and parts them into groups.

    The partition depends on the findings, the graph and the constraints alone, never on the order of their arrival.
    Not safe for use by several threads at once.
    """

    def __init__(self, settings: CorrelateSettings, graph: Graph) -> None:
        self._settings, self._graph = settings, graph
        self._findings: dict[str, Finding] = {}
        self._together: list[frozenset[str]] = []
        self._apart: list[tuple[frozenset[str], frozenset[str]]] = []
        self._touched: set[str] = set()
        self._before: set[frozenset[str]] = set()

    def put(self, findings: Iterable[Finding]) -> None:
        """Take findings that are new or changed; the same again changes nothing."""
        for finding in findings:
            if self._findings.get(finding.id) != finding:
                self._findings[finding.id] = finding
                self._touched.add(finding.id)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget findings; unknown ids are ignored."""
        for identity in ids:
            if self._findings.pop(identity, None) is not None:
                self._touched.discard(identity)

    def see(self, graph: Graph) -> None:
        """Take the topology as it is now."""
        self._graph = graph

    def together(self, ids: Iterable[str]) -> None:
        """These findings are one problem whatever else speaks for or against it."""
        self._together.append(frozenset(ids))

    def apart(self, some: Iterable[str], others: Iterable[str]) -> None:
        """None of ``some`` is one problem with any of ``others``. What was said last counts."""
        self._apart.append((frozenset(some), frozenset(others)))

    def groups(self, touched_only: bool = True) -> list[Group]:
        """The groups, ordered by their earliest finding.

        With ``touched_only`` those alone that hold a finding that was put since the last call, or that have other
        findings than they had then.
        """
        parts = group(self._findings.values(), self._graph, self._settings, self._together)
        now = {frozenset(finding.id for finding in part.findings): part for part in parts}
        touched, before = self._touched, self._before
        self._touched, self._before = set(), set(now)
        if not touched_only:
            return parts
        return [part for ids, part in now.items() if ids not in before or not touched.isdisjoint(ids)]
