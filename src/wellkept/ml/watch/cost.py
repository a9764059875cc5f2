"""What drift has cost: the contract's metric before and since, as labels tell it, or as it is estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ml.estimate.history import CohortPerformance, PerformanceHistory
from wellkept.ml.retrainspec import Retrain
from wellkept.ml.watch.base import Served

ATTRIBUTE = "cost"
MOST = 8
"""Cohorts before, and the newest since, that are told by: two windows of performance."""
WIDTH = 2 * 1.645
"""Standard errors between the ends of a 90 % interval."""
SURE = 1.645


@dataclass(frozen=True, slots=True)
class _Level:
    """The metric over some cohorts, weighed by their labels, and its standard error."""

    value: float
    error: float


def with_cost(served: Served, finding: Finding) -> Finding:
    """A finding of drift that says what it cost, where that is known; any other as it is."""
    if finding.kind is not FindingKind.DRIFT or served.history is None:
        return finding
    words = cost(served.history, finding.starts_at, served.contract.retrain)
    if not words:
        return finding
    return replace(
        finding,
        sentence=f"{finding.sentence} {words}",
        attributes={**finding.attributes, ATTRIBUTE: words},
    )


def cost(history: PerformanceHistory, since: datetime, retrain: Retrain) -> str:
    """A sentence; empty where nobody knows how good the model was before, or is since."""
    before = _level([one for one in history.cohorts if one.end <= since])
    after, is_estimate = _level([one for one in history.cohorts if one.start >= since]), False
    if after is None and history.now.is_valid and history.since is not None and history.since >= since:
        after, is_estimate = _estimated(history), True
    if before is None or after is None:
        return ""
    name = history.metric.replace("_", " ")
    name = name.upper() if name in ("wape", "mae", "rmse") else name.capitalize()
    was = f"{name} {'is estimated at' if is_estimate else 'is'} {after.value:.3f} since, and was {before.value:.3f}"
    loss = (after.value - before.value) * (1.0 if history.lower_is_better else -1.0)
    if loss < SURE * math.hypot(before.error, after.error):
        return f"{was} before: no loss so far that chance would not explain."
    worth = ""
    if retrain.cost is not None:
        worth = f", worth {loss * retrain.value_per_point:.4g} in {retrain.horizon_s / 86_400:.3g} days"
        worth += f" (a retrain costs {retrain.cost:.4g})"
    return f"{was} before: a loss of {loss:.3f}{worth}."


def _level(cohorts: Sequence[CohortPerformance]) -> _Level | None:
    known = [
        (one.value, one.high - one.low, one.labels)
        for one in cohorts
        if one.value is not None and one.low is not None and one.high is not None and one.is_mature
    ][-MOST:]
    total = sum(labels for _, _, labels in known)
    if not total:
        return None
    value = sum(value * labels for value, _, labels in known) / total
    error = math.sqrt(sum((width / WIDTH * labels) ** 2 for _, width, labels in known)) / total
    return _Level(value, error)


def _estimated(history: PerformanceHistory) -> _Level | None:
    told = history.now
    if told.value is None or told.low is None or told.high is None:
        return None
    return _Level(told.value, (told.high - told.low) / WIDTH)
