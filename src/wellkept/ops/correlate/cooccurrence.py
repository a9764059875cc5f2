"""What was learned from findings that are over: what follows on what, how soon, and what begins by itself.

The findings of a system are taken as a self-exciting process: some begin by themselves, the others follow on one that
came before. Which is which is never known, so every finding counts in shares, as likely as each way was when it was
placed (the online form of expectation and maximisation for the branching structure of a Hawkes process).
Counts are halved from time to time, so that what is old fades and the memory stays small.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from wellkept.kernel.finding import Finding

_TRUST = 20.0
"""After so many findings of a kind, what was learned of it counts as much as what topology and time say."""
_PRIOR = 2.0
"""How many findings the first guess of a likelihood counts for."""
_LAG_S, _LAGS = 100.0, 20.0
"""The first guess of how soon one finding follows on another, and how many it counts for."""
_ALONE, _ALONE_S = 0.04, 3600.0
"""The first guess of how rarely a signal begins by itself: as if it had done so so often in that time."""
_TAIL = 0.1
"""The share of findings that follow late, at any time that the tie allows."""
_HALVE_AT = 50_000.0
_LEAST = 0.6
_PARTNERS_AT = 3.0
_OCCASION_S = 600.0
"""A signal that comes again within this time has come once, as far as it counts what came with it."""
_NONE: dict[str, float] = {}


class Signs(NamedTuple):
    """What a finding is, as learning sees it: who says it of what, and exactly which signal."""

    who: str
    what: str

    @classmethod
    def of(cls, finding: Finding) -> Signs:
        return cls(f"{finding.detector}|{finding.entity}", finding.fingerprint)


class CoOccurrence:
    """Decaying counts of what follows on what. Not safe for use by several threads at once."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = defaultdict(float)
        self._alone: dict[str, float] = defaultdict(float)
        self._given: dict[str, float] = defaultdict(float)
        self._then: dict[str, dict[str, float]] = {}
        self._pairs: dict[str, dict[str, float]] = {}
        self._total, self._span_s = 0.0, 0.0
        self._lag_s, self._lags = _LAG_S * _LAGS, _LAGS
        self._newest = -math.inf
        self._last: dict[str, float] = {}

    @property
    def is_empty(self) -> bool:
        return self._total == 0.0

    @property
    def until(self) -> float:
        """When the last finding that was learned of began, seconds since the epoch; -inf where none was."""
        return self._newest

    def trust(self, signs: Signs) -> float:
        """How far what was learned of such findings counts, 0 to 1."""
        seen = self._seen.get(signs.who, 0.0)
        return seen / (seen + _TRUST)

    def alone(self, signs: Signs) -> float:
        """How often a second such a finding begins by itself."""
        return (self._alone.get(signs.who, 0.0) + _ALONE) / (self._span_s + _ALONE_S)

    def follows(self, before: Signs, after: Signs, guess: float) -> float:
        """How likely the next finding after one like ``before`` is one like ``after``."""
        rough = self._share(before.who, after.who, guess)
        return self._share(before.what, after.who, rough)

    def density(self, lag_s: float, window_s: float, is_covered: bool) -> float:
        """How likely, per second, one finding follows on another after this long."""
        rate = self._lags / self._lag_s
        tail = 1.0 / window_s if is_covered else _TAIL * math.exp(-lag_s / window_s) / window_s
        return (1.0 - _TAIL) * rate * math.exp(-rate * lag_s) + tail

    def partners(self, signs: Signs) -> tuple[str, ...]:
        """Signals that came shortly before this one more often than by chance, though nothing else ties them.

        Occasions are counted: what flaps beside something else for an hour has come together with it once.
        """
        pairs = self._pairs.get(signs.what)
        if not pairs:
            return ()
        mine, span = self._seen.get(signs.what, 0.0), max(self._span_s, 1.0)
        found = []
        for other, count in pairs.items():
            theirs = self._seen.get(other, 0.0)
            by_chance = mine * theirs * 60.0 / span
            times = min(count, mine, theirs)
            if times >= _PARTNERS_AT and times >= 0.5 * min(mine, theirs) and times >= 3.0 * by_chance:
                found.append(other)
        return tuple(sorted(found))

    def learn(
        self,
        signs: Signs,
        at: float,
        ways: Iterable[tuple[Signs, float, float]],
        alone: float,
        near: Iterable[Signs] = (),
    ) -> None:
        """Count one finding that began ``at`` a moment (seconds since the epoch).

        ``ways`` are how it may have come: after which other, how likely, how late in seconds. ``alone`` is how likely
        it began by itself. ``near`` are signals from unrelated places shortly before.
        """
        for before, share, lag_s in ways:
            for key in before:
                row = self._then.setdefault(key, {})
                row[signs.who] = row.get(signs.who, 0.0) + share
                self._given[key] += share
            self._lag_s += share * lag_s
            self._lags += share
        self._alone[signs.who] += alone
        if at - self._last.get(signs.what, -math.inf) >= _OCCASION_S:
            for other in {other.what for other in near}:
                row = self._pairs.setdefault(signs.what, {})
                row[other] = row.get(other, 0.0) + 1.0
            self._seen[signs.what] += 1.0
        self._last[signs.what] = at
        self._seen[signs.who] += 1.0
        self._total += 1.0
        if self._newest > -math.inf:
            self._span_s += max(at - self._newest, 0.0)
        self._newest = max(self._newest, at)
        if self._total >= _HALVE_AT:
            self._halve()

    def dump(self) -> dict[str, Any]:
        """As a plain value, to be kept over a restart."""
        return {
            "tables": [dict(self._seen), dict(self._alone), dict(self._given)],
            "rows": [self._then, self._pairs],
            "sums": [self._total, self._span_s, self._lag_s, self._lags, max(self._newest, 0.0)],
            "last": dict(self._last),
        }

    @classmethod
    def load(cls, kept: dict[str, Any]) -> CoOccurrence:
        """The memory that :meth:`dump` told."""
        made = cls()
        for table, values in zip((made._seen, made._alone, made._given), kept["tables"], strict=True):
            table.update(values)
        made._then, made._pairs = ({key: dict(row) for key, row in rows.items()} for rows in kept["rows"])
        made._total, made._span_s, made._lag_s, made._lags, newest = kept["sums"]
        made._newest = newest or -math.inf
        made._last.update(kept.get("last", {}))
        return made

    def _share(self, before: str, after: str, guess: float) -> float:
        given = self._given.get(before, 0.0)
        if not given:
            return guess
        return (self._then.get(before, _NONE).get(after, 0.0) + _PRIOR * guess) / (given + _PRIOR)

    def _halve(self) -> None:
        for table in (self._seen, self._alone, self._given):
            kept = {key: value / 2 for key, value in table.items() if value / 2 >= _LEAST}
            table.clear()
            table.update(kept)
        for rows in (self._then, self._pairs):
            for key in list(rows):
                rows[key] = {other: count / 2 for other, count in rows[key].items() if count / 2 >= _LEAST}
                if not rows[key]:
                    del rows[key]
        self._last = {signal: at for signal, at in self._last.items() if signal in self._seen}
        self._total, self._span_s = self._total / 2, self._span_s / 2
        self._lag_s, self._lags = self._lag_s / 2, self._lags / 2
