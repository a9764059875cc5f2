"""What rules keep apart, as the findings come: sets of ids of the two sides, each pair of them told once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wellkept.kernel.finding import Finding
from wellkept.ops.correlate.rules.rules import GroupRules, Key

MOST = 500
"""Findings of a side that are remembered; what comes later is kept apart from these alone."""

Pair = tuple[tuple[str, ...], tuple[str, ...]]


class Apart:
    """The sides of one set of rules."""

    def __init__(self, rules: GroupRules) -> None:
        self._rules = rules
        self._sides: dict[Key, tuple[dict[str, None], dict[str, None]]] = defaultdict(lambda: ({}, {}))

    def add(self, findings: Sequence[Finding]) -> list[Pair]:
        """Take findings; returns those pairs of sides that they add to what was told before."""
        new: dict[Key, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for finding in findings:
            for key, is_right in self._rules.sides(finding):
                side = self._sides[key][is_right]
                if finding.id not in side:
                    new[key][is_right].append(finding.id)
                    if len(side) < MOST:
                        side[finding.id] = None
        pairs: list[Pair] = []
        for key, (left, right) in new.items():
            known_left, known_right = self._sides[key]
            pairs += [(tuple(left), tuple(known_right)), (tuple(known_left), tuple(right))]
        return [pair for pair in pairs if pair[0] and pair[1]]
