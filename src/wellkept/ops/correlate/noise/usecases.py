"""What people ask about noise: what a silence or a window would hold now, and how often something was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import HeldFinding, Maintenance, Told
from wellkept.ops.correlate.noise.scopes import called, covered_by
from wellkept.spine.graph import Graph
from wellkept.spine.labels import Whose, labels_of
from wellkept.spine.matchers import Matching
from wellkept.spine.noise import NoiseDesk

MOST = 100
"""Findings and entities that a preview names."""


class Open(Protocol):
    """What a preview needs of the stream."""

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...

    def finding(self, finding: str) -> Finding | None: ...


class Places(Protocol):
    """What it needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


@dataclass(frozen=True, slots=True)
class Preview:
    """The open findings that would be held, the first of them, and for a window the entities that it covers.

    ``unknown``: those that it names and that nothing is known of.
    """

    count: int
    findings: tuple[Finding, ...]
    entities: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class NoiseUse:
    """Previews; it changes nothing. ``desk`` is where changes are made."""

    def __init__(
        self, desk: NoiseDesk, stream: Open, topology: Places, clock: Clock, whose: Whose | None = None
    ) -> None:
        self.desk, self._stream, self._topology, self._clock = desk, stream, topology, clock
        self._whose = whose

    def of_silence(self, matchers: Sequence[Matcher]) -> Preview:
        """What matchers match of what is open now.

        Raises:
            InputError: a regular expression is none.
        """
        return self._matching(matchers, None)

    def of_window(self, window: Maintenance) -> Preview:
        """What a maintenance window covers of what is open now.

        Raises:
            InputError: a regular expression is none.
        """
        return self._matching(window.matchers, window)

    def of_finding(self, finding: str) -> tuple[Told | None, HeldFinding | None]:
        """How often a finding was told, in all its occurrences, and how it is held, or was.

        Raises:
            NotFoundError: there is no such finding.
        """
        found = self._stream.finding(finding)
        if found is None:
            raise NotFoundError(f"finding {finding}", "is not known")
        return self.desk.told([found.fingerprint]).get(found.fingerprint), self.desk.held_of([finding]).get(finding)

    def _matching(self, matchers: Sequence[Matcher], window: Maintenance | None) -> Preview:
        graph, matching = self._topology.graph(self._clock.now()), Matching(matchers)
        covered = covered_by(window, graph) if window is not None and window.entities else None
        open_ones = self._stream.open_findings()
        told_of = {finding.entity for finding in open_ones}
        named = window.entities if window is not None else ()
        unknown = [entity for entity in named if entity not in told_of and not called(entity, graph)]
        found = [
            finding
            for finding in open_ones
            if (covered is None or finding.entity in covered)
            and matching.matches(labels_of(finding, graph.entities.get(finding.entity), self._whose))
        ]
        return Preview(len(found), tuple(found[:MOST]), tuple(sorted(covered or ())[:MOST]), tuple(unknown[:MOST]))
