"""What a retrain would gain: from how fast versions age, from a back-test, and from the trend of the performance.

Three estimates with their errors are put together by their precision, as in a Kalman step. The loss of a stale version
is forecast with its uncertainty, and weighed against costs, as in F. Regol et al., "When to retrain a machine learning
model" (ICML 2025); what versions of other ages lose on the same rows is the staleness of A. Mahadevan and M.
Mathioudakis, "Cost-effective retraining of machine learning models" (2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY_S = 86_400.0
AGE_S = 28 * DAY_S
PRIOR = 0.03
"""Points that a version is thought to lose in 28 days, and to gain by rows that are e times as many: up or down."""
LEFT = 0.5
"""How much of a fall a fresh version would win back: the rest may be that the task itself has become harder."""
FLOOR = 0.002
"""No estimate of a gain is more certain than so many points."""
FADE_S = 90 * DAY_S
"""After so long an observation counts half."""
LEAST_POINTS = 4
NEWEST = 3
"""So many back-tests against the live version count, the newest ones."""


@dataclass(frozen=True, slots=True)
class Point:
    """One cohort of realised or estimated performance, by when its predictions were made, with its standard error."""

    at: datetime
    value: float
    error: float
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Gain:
    """What a fresher version scored above an older one on the same rows (positive is better), with its error.

    ``at`` is the newest moment that the fresher one was trained on, ``age_s`` how much older the other was, ``more``
    the natural logarithm of how many times as many rows the fresher one had. ``challenger``: the other one was live,
    and the fresh one is what a retrain would bring; ``ageing``: both were there to tell how fast versions age.
    """

    at: datetime
    age_s: float
    gain: float
    error: float
    more: float = 0.0
    source: Literal["challenger", "ageing"] = "ageing"


@dataclass(frozen=True, slots=True)
class Stale:
    """A live version: its data ended at ``trained_until``; a retrain's would at ``known_until``, with ``more`` rows.

    ``more`` is a natural logarithm, as in :class:`Gain`.
    """

    trained_until: datetime
    known_until: datetime
    more: float = 0.0

    @property
    def age_s(self) -> float:
        return max(0.0, (self.known_until - self.trained_until).total_seconds())


@dataclass(frozen=True, slots=True)
class Forecast:
    """The gain of a retrain on the average of the horizon, its standard error, and each part (mean, error)."""

    gain: float
    error: float
    parts: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Ageing:
    """What versions gain by newer rows (by 28 days) and by more of them (by e times as many), with its covariance."""

    mean: Floats
    covariance: Floats

    def of(self, age_s: float, more: float) -> tuple[float, float]:
        """The gain of a version that is so much fresher and has so many more rows, and its error."""
        at = np.array([age_s / AGE_S, more])
        return float(at @ self.mean), float(np.sqrt(at @ self.covariance @ at))


def forecast(
    points: Sequence[Point],
    gains: Sequence[Gain],
    stale: Stale,
    is_lower_better: bool,
    point: float = 1.0,
    fallen: tuple[float, float] | None = None,
) -> Forecast:
    """What a retrain would gain over the live version; ``point`` scales metrics that have no bounds.

    ``fallen`` (with its error) is by how much the newest performance is below what was promised; it stands for the
    trend where it is there. A trend may be that of the task, and counts only where no back-test tells more. One back-test alone tells nothing of how blocks of rows differ: errors count twice then.
    """
    known = ageing(gains, stale.known_until, point)
    parts = {}
    if gains:
        mean, error = known.of(stale.age_s, stale.more)
        parts["ageing"] = (mean, _error(_doubt(gains) * error, point))
    mine = [one for one in gains if one.source == "challenger" and one.at > stale.trained_until]
    if mine:
        mean, error = _seen(sorted(mine, key=lambda one: one.at)[-NEWEST:], stale, known, point)
        parts["challenger"] = (mean, _error(error, point))
    name, seen = ("fallen", fallen) if fallen is not None else ("trend", _fall(points, is_lower_better))
    if seen is not None and (name == "fallen" or not mine):
        mean, error = seen
        parts[name] = (LEFT * mean, _error(float(np.hypot(LEFT * error, 0.5 * LEFT * mean)), point))
    if not parts:
        return Forecast(0.0, point * PRIOR)
    means = np.array([mean for mean, _ in parts.values()])
    weights = np.array([error**-2 for _, error in parts.values()])
    return Forecast(float((means * weights).sum() / weights.sum()), float(weights.sum() ** -0.5), parts)


def _seen(mine: Sequence[Gain], stale: Stale, known: Ageing, point: float) -> tuple[float, float]:
    """What back-tests against the live version say together, each carried on to what a retrain would have today."""
    carried = []
    for one in mine:
        rest = max(0.0, (stale.known_until - one.at).total_seconds())
        mean, error = known.of(rest, max(0.0, stale.more - one.more))
        carried.append((one.gain + mean, max(float(np.hypot(one.error, error)), point * FLOOR)))
    means, errors = (np.array(column) for column in zip(*carried, strict=True))
    if not np.isfinite(errors).any():
        return 0.0, float("inf")
    weights = errors**-2.0
    mean = float((means * weights).sum() / weights.sum())
    scatter = float((weights * (means - mean) ** 2).sum() / max(len(mine) - 1, 1))
    return mean, _doubt(mine) * float(np.sqrt(max(scatter, 1.0) / weights.sum()))


def _doubt(gains: Sequence[Gain]) -> float:
    """How much larger than measured an error is taken to be: few blocks tell little of how blocks differ."""
    return 1 + 1 / max(len({one.at for one in gains}), 1)


def ageing(gains: Sequence[Gain], until: datetime, point: float = 1.0) -> Ageing:
    """Least squares through zero, with a prior around none at all.

    Where the observations scatter more than their errors say, the errors are widened by as much.
    """
    prior = np.eye(2) / (point * PRIOR) ** 2
    usable = [one for one in gains if np.isfinite(one.gain) and np.isfinite(one.error)]
    if not usable:
        return Ageing(np.zeros(2), np.asarray(np.linalg.inv(prior), dtype=np.float64))
    at = np.array([[one.age_s / AGE_S, one.more] for one in usable])
    gain = np.array([one.gain for one in usable])
    old = np.array([(until - one.at).total_seconds() for one in usable])
    error = np.maximum(np.array([one.error for one in usable]), point * FLOOR)
    weight = 0.5 ** (old / FADE_S) / error**2
    mean, covariance = _fit(at, gain, weight, prior)
    for place in (1, 0):  # neither fewer rows nor older ones are thought to help: what looks so is chance
        if mean[place] < 0:
            at = np.where(np.arange(2) == place, 0.0, at)
            mean, covariance = _fit(at, gain, weight, prior)
    scatter = float((weight * (gain - at @ mean) ** 2).sum() / max(len(usable) - 2, 1))
    return Ageing(mean, np.asarray(covariance * max(scatter, 1.0), dtype=np.float64))


def _fit(at: Floats, gain: Floats, weight: Floats, prior: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares through zero with the precision of a prior around none; mean and covariance."""
    covariance = np.asarray(np.linalg.inv((at * weight[:, None]).T @ at + prior), dtype=np.float64)
    return np.asarray(covariance @ (at.T @ (weight * gain)), dtype=np.float64), covariance


def _fall(points: Sequence[Point], is_lower_better: bool) -> tuple[float, float] | None:
    """How much the performance of the live version has fallen along its trend, and the error; None of too few points.

    A straight line by weighted least squares, whose errors are widened by what the points scatter around it.
    """
    known = [one for one in points if np.isfinite(one.value) and np.isfinite(one.error)]
    if len(known) < LEAST_POINTS:
        return None
    at = np.array([one.at.timestamp() for one in known])
    value = np.array([one.value for one in known]) * (1.0 if is_lower_better else -1.0)
    weight = np.maximum(np.array([one.error for one in known]), 1e-6) ** -2.0
    span = float(at.max() - at.min())
    if span <= 0:
        return None
    x = (at - (weight * at).sum() / weight.sum()) / span
    level = (weight * value).sum() / weight.sum()
    information = float((weight * x**2).sum())
    slope = float((weight * x * (value - level)).sum() / information)
    scatter = float((weight * (value - level - slope * x) ** 2).sum() / max(len(known) - 2, 1))
    return slope, float(np.sqrt(max(scatter, 1.0) / information))


def _error(error: float, point: float) -> float:
    return float(max(error, point * FLOOR))
