"""What grouping could reach at best on a stream, by those who are told ever more of the truth.

None of them is a proof: who is told all of this and places each alert where it is most likely still reaches no more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation.correlate_alerts import Stream

BINS = 12
"""How finely it is known when in its fault a signal comes."""
_PRIOR = 2.0
_RARE = 1e-3
_AGAIN = 0.1
"""How likely a signal that a fault has shown is another one's, against one that it has not."""

_Class = tuple[str, ...]


def alike(stream: Stream) -> list[str]:
    """All is known, but not which of several alerts of one signal in one second is whose."""
    taken: dict[tuple[str, int], str] = {}
    names = []
    for alert in stream.alerts:
        fault = max(alert.faults, key=lambda name: alert.faults[name])
        names.append(taken.setdefault((alert.finding.fingerprint, int(alert.finding.starts_at.timestamp())), fault))
    return names


def by_onset(stream: Stream) -> list[str]:
    """What time alone can tell: it is known when each fault begins, and the newest takes every alert."""
    names, newest, seen = [], "", set[str]()
    for alert in stream.alerts:
        for fault in alert.faults:
            if fault and fault not in seen:
                seen.add(fault)
                newest = fault
        names.append(newest)
    return names


def by_kind(stream: Stream) -> list[str]:
    """All is known of each fault, but not which alert is whose.

    Known is when it begins and ends, of which kind it is and where its cause lies (``Stream.kinds``), and from all
    other faults of its kind, with their labels, which signals such a one shows and when. Each alert goes to the fault
    that goes on and is most likely to show it.
    """
    history = _History(stream)
    shown: dict[str, set[str]] = defaultdict(set)
    names = []
    for alert in stream.alerts:
        signal, at = alert.finding.fingerprint, alert.finding.starts_at.timestamp()
        going_on = history.at(at)
        chances = [
            history.chance(fault, signal, at) * (_AGAIN if signal in shown[fault] else 1.0) for fault in going_on
        ]
        name = going_on[int(np.argmax(chances))]
        shown[name].add(signal)
        names.append(name)
    return names


class _History:
    """Which signals faults of each kind show and how late, each asked of without what that fault itself showed."""

    def __init__(self, stream: Stream) -> None:
        self._span: dict[str, tuple[float, float]] = {}
        for alert in stream.alerts:
            at = alert.finding.starts_at.timestamp()
            for fault in alert.faults:
                self._span[fault] = (self._span.get(fault, (at, at))[0], at)
        self._faults = sorted(self._span, key=lambda fault: self._span[fault])
        self._begins = [self._span[fault][0] for fault in self._faults]
        self._longest = max((end - begin for begin, end in self._span.values()), default=0.0)
        self._classes = {fault: _classes(stream.kinds.get(fault, ())) for fault in self._span}
        self._of_class = Counter(kind for kinds in self._classes.values() for kind in kinds)
        self._own: dict[tuple[str, str], NDArray[np.float64]] = defaultdict(lambda: np.zeros(BINS))
        for alert in stream.alerts:
            for fault in alert.faults:
                at = alert.finding.starts_at.timestamp()
                self._own[fault, alert.finding.fingerprint][self._bin(fault, at)] += 1
        self._late: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(BINS))
        self._showed: Counter[tuple[_Class, str]] = Counter()
        for (fault, signal), counts in self._own.items():
            self._late[signal] += counts
            self._showed.update((kind, signal) for kind in self._classes[fault])

    def at(self, moment: float) -> list[str]:
        """The faults that go on at a moment."""
        last = bisect_right(self._begins, moment)
        first = bisect_right(self._begins, moment - self._longest - 1.0)
        return [fault for fault in self._faults[first:last] if moment <= self._span[fault][1]]

    def chance(self, fault: str, signal: str, at: float) -> float:
        """How likely a fault shows a signal at a moment, up to a factor that is the same for all faults."""
        own = self._own.get((fault, signal))
        share = _RARE
        for kind in self._classes[fault]:
            others = self._showed[kind, signal] - (own is not None)
            share = (others + _PRIOR * share) / (self._of_class[kind] - 1 + _PRIOR)
        late = self._late[signal] + 0.5 - (0.0 if own is None else own)
        begin, end = self._span[fault]
        return share * float(late[self._bin(fault, at)] / late.sum()) / max(end - begin, 1.0)

    def _bin(self, fault: str, at: float) -> int:
        begin, end = self._span[fault]
        return min(int(BINS * (at - begin) / max(end - begin, 1e-9)), BINS - 1)


def _classes(kind: tuple[str, ...]) -> list[_Class]:
    """From the roughest class of a fault to the finest: any, its kind, its kind with its place."""
    return [kind[:depth] for depth in range(len(kind) + 1)]
