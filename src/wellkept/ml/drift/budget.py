"""How improbable something must be to be told, so that a model gives no more false alarms a month than stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MONTH_S = 30 * 86_400.0
OVERLAP = 4.0
"""Windows that slide over the rows are looked at again and again: their largest value is that of so many times as many
windows side by side (seen on resampled streams: 3 to 4 with a look each quarter, a twelfth, and a hundredth)."""
INPUTS, SCORES, JOINT, CONCEPT = "inputs", "scores", "joint", "concept"
PARTS: Mapping[str, float] = {INPUTS: 0.4, SCORES: 0.2, JOINT: 0.2, CONCEPT: 0.2}
"""Each family's share of the budget: expected false alarms add up, whatever the tests have in common."""
EVEN = 0.5
"""This share of a family's budget is spread evenly, the rest by importance."""


@dataclass(frozen=True, slots=True)
class Budget:
    """``alarms_per_month`` of one model that is judged on windows of ``window_s`` seconds."""

    alarms_per_month: float
    window_s: float

    def level(self, part: str, share: float = 1.0) -> float:
        """The chance below which one test of a family counts; ``share`` is what it has of the family's budget."""
        windows = max(1.0, OVERLAP * MONTH_S / self.window_s)
        return min(0.05, self.alarms_per_month * PARTS[part] * share / windows)


def by_importance(importance: Sequence[float | None]) -> list[float]:
    """Shares of a family's budget, summing up to 1: what matters more to the model may be told sooner."""
    count = len(importance)
    if not count:
        return []
    known = [value or 0.0 for value in importance]
    total = sum(known)
    if any(value is None for value in importance) or total <= 0:
        return [1.0 / count] * count
    return [EVEN / count + (1 - EVEN) * value / total for value in known]
