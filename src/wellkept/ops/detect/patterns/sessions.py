"""Sessions of log patterns (one request, one block, one job) that are unlike those before.

A session is the list of its patterns' ids. What is learned of normal ones is small and can be told: which sets of
patterns there were, and how often each pattern comes in a session, at least and at most. A session is abnormal when
its set is new or a count is out of its range. Order is left out: it adds false alarms where counts do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

ENOUGH = 100
"""Fewer normal sessions than this teach too little for a verdict."""


@dataclass(slots=True)
class Sessions:
    """What normal sessions look like. ``learn`` them, then ask ``why`` another is not."""

    learned: int = 0
    _sets: set[frozenset[Hashable]] = field(default_factory=set)
    _least: dict[Hashable, int] = field(default_factory=dict)
    _most: dict[Hashable, int] = field(default_factory=dict)

    def learn(self, sessions: Iterable[Sequence[Hashable]]) -> None:
        """Normal sessions, each complete."""
        for session in sessions:
            counts = Counter(session)
            self._sets.add(frozenset(counts))
            for pattern in self._least.keys() - counts.keys():
                self._least[pattern] = 0
            for pattern, count in counts.items():
                self._most[pattern] = max(self._most.get(pattern, 0), count)
                self._least[pattern] = min(self._least.get(pattern, count if self.learned == 0 else 0), count)
            self.learned += 1

    def why(self, session: Sequence[Hashable], *, is_complete: bool = True) -> tuple[str, ...]:
        """What is unlike normal sessions, most telling first; nothing where all is as usual.

        While a session goes on (``is_complete`` False) only what is too much can be told, not what is missing.
        """
        if self.learned < ENOUGH:
            return ()
        counts = Counter(session)
        told = [f"{pattern} never came before" for pattern in counts if pattern not in self._most]
        told += [
            f"{pattern} came {count} times, at most {self._most[pattern]} before"
            for pattern, count in counts.items()
            if count > self._most.get(pattern, count)
        ]
        if is_complete:
            told += [
                f"{pattern} came {counts[pattern]} times, at least {least} before"
                for pattern, least in self._least.items()
                if counts[pattern] < least
            ]
            if not told and frozenset(counts) not in self._sets:
                told.append("its patterns never came together before")
        return tuple(told)
