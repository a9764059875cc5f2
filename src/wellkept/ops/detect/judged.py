"""What people's feedback does: it moves thresholds, and keeps quiet what is expected at a time of day.

Scores of the baseline are -log10 of a probability: 0.5 more on a threshold lets about a third of the findings through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.feedback import Feedback, Opinion
from wellkept.kernel.finding import Finding
from wellkept.store.telemetry.window import SeriesInfo, of_series

HALF_LIFE_S = 30 * 86_400.0
"""After so long an opinion counts half."""
REMEMBERED_S = 180 * 86_400.0
"""Opinions older than this are history."""
SHIFTS = {Opinion.NOISE: 0.5, Opinion.USEFUL: -0.3, Opinion.EXPECTED: 0.0}
"""How far an opinion moves the threshold of its own series."""
SAME_METRIC = 0.2
"""The share of it that moves other series of the same metric."""
MOST = 3.0
"""Feedback moves a threshold by at most so much, so that nothing is silenced for good."""
AROUND_S = 3600.0
"""What is expected is expected within so long of the time of day at which it began."""
EXPECTED_S = 90 * 86_400.0
"""After so long nobody remembers why it was expected."""
DAY_S = 86_400.0


class Judged:
    """The opinions that count at ``now``."""

    def __init__(self, feedback: Iterable[Feedback], now: datetime) -> None:
        self._now = now
        self._said = [one for one in feedback if 0 <= self._age_s(one) < REMEMBERED_S]

    def __bool__(self) -> bool:
        return bool(self._said)

    def shifts(self, series: tuple[SeriesInfo, ...]) -> NDArray[np.float32]:
        """How much is added to the thresholds of these series: [S]."""
        moved = np.zeros(len(series), np.float32)
        if not self._said:
            return moved
        own, alike = columns_of(series)
        for one in self._said:
            by = SHIFTS[one.opinion] * self._weight(one)
            moved[alike.get(one.signal, [])] += SAME_METRIC * by
            moved[own.get((one.entity, one.signal), [])] += (1 - SAME_METRIC) * by
        return np.clip(moved, -MOST, MOST)

    def of_entities(self, names: Sequence[str], detector: str) -> NDArray[np.float32]:
        """How much is added to the thresholds of whole entities [E], by what was said of a detector's findings."""
        moved: defaultdict[str, float] = defaultdict(float)
        for one in self._said:
            if one.detector == detector:
                moved[one.entity] += SHIFTS[one.opinion] * self._weight(one)
        return np.clip([moved.get(name, 0.0) for name in names], -MOST, MOST).astype(np.float32)

    def shift(self, entity: str, signal: str) -> float:
        """The same of one series."""
        moved = 0.0
        for one in self._said:
            share = 1.0 if (one.entity, one.signal) == (entity, signal) else SAME_METRIC * (one.signal == signal)
            moved += share * SHIFTS[one.opinion] * self._weight(one)
        return min(MOST, max(-MOST, moved))

    def holds_back(self, finding: Finding, by_score: bool) -> str:
        """Why a finding is not said; empty where nothing speaks against it.

        ``by_score``: of a detector whose thresholds do not move. Then a finding that is no stronger than one of the
        same fingerprint that was noise is kept back, ever less so.
        """
        for one in self._said:
            if one.opinion is Opinion.EXPECTED and self._is_expected(one, finding):
                return f"expected around {one.starts_at:%H:%M} UTC, said {one.by}"
        latest = next((one for one in reversed(self._said) if one.fingerprint == finding.fingerprint), None)
        if not by_score or latest is None or latest.opinion is not Opinion.NOISE:
            return ""
        if finding.score <= latest.score * self._weight(latest):
            return f"not more than what {latest.by} called noise"
        return ""

    def about(self, detector: str = "", entity: str = "", signal: str = "") -> Sequence[Feedback]:
        """What was said of findings of a detector, an entity, a signal; newest first."""
        wanted = {"detector": detector, "entity": entity, "signal": signal}
        asked = [(name, value) for name, value in wanted.items() if value]
        return [one for one in reversed(self._said) if all(getattr(one, name) == value for name, value in asked)]

    def _is_expected(self, one: Feedback, finding: Finding) -> bool:
        if self._age_s(one) > EXPECTED_S or (one.detector, one.entity) != (finding.detector, finding.entity):
            return False
        if finding.signal != one.signal:
            return False
        apart = abs(finding.starts_at.timestamp() - one.starts_at.timestamp()) % DAY_S
        return min(apart, DAY_S - apart) <= AROUND_S

    def _age_s(self, one: Feedback) -> float:
        return (self._now - one.at).total_seconds()

    def _weight(self, one: Feedback) -> float:
        return float(0.5 ** (self._age_s(one) / HALF_LIFE_S))


@of_series
def columns_of(
    series: tuple[SeriesInfo, ...],
) -> tuple[dict[tuple[str, str], list[int]], dict[str, list[int]]]:
    """The columns of each entity's metrics of a name, and of all metrics of a name."""
    own: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for column, info in enumerate(series):
        own[info.entity, info.name].append(column)
        alike[info.name].append(column)
    return dict(own), dict(alike)
