"""What a retrain would gain: from how fast versions age, from a back-test, and from the trend of the performance.

Estimates with their errors are put together by their precision, as in a Kalman step; what is left when chance is taken
off is the gain. The loss of a stale version is forecast with its uncertainty, and weighed against costs, as in F. Regol
et al., "When to retrain a machine learning model" (ICML 2025); what versions of other ages lose on the same rows is the
staleness of A. Mahadevan and M. Mathioudakis, "Cost-effective retraining of machine learning models" (2024).
"""

from __future__ import annotations

import itertools
import math
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
FADE_S = 365 * DAY_S
"""After so long an observation counts half."""
LEAST_POINTS = 4
SURE = 1.645
"""So many standard errors are beyond chance, with 95 % certainty."""
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

    def beyond_chance(self, caution: float = 1.0) -> float:
        """The gain shrunk towards none, by as much of its square as so many standard errors explain.

        The positive part of the James-Stein estimator: of what is within its error nothing is left.
        """
        return _shrunk(self.gain, caution * self.error)

    @property
    def surprise(self) -> float:
        """What of the gain is more than age explains and, with 95 % certainty, no chance: a step, not a slope."""
        return _shrunk(self.gain - self.parts.get("ageing", (0.0, 0.0))[0], SURE * self.error)


def _shrunk(value: float, error: float) -> float:
    return value * (1 - (error / value) ** 2) if value > error else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Ageing:
    """What versions gain by newer rows (see :func:`aged`) and by e times as many, with its covariance."""

    mean: Floats
    covariance: Floats
    between: float = 0.0
    """The variance between blocks, beyond their errors, of what age costs."""

    def of(self, age_s: float, more: float) -> tuple[float, float]:
        """The gain of a version that is so much fresher and has so many more rows, and its error."""
        at = np.array([aged(age_s), more])
        return float(at @ self.mean), float(np.sqrt(at @ self.covariance @ at))


def aged(age_s: float) -> float:
    """How much of all that age can cost a version of that age has lost, from 0 to 1; two thirds in 28 days.

    What old versions lose levels off. On a straight line the oldest ones would make ageing look slow.
    """
    return 1 - math.exp(-age_s / AGE_S)


def lost_since(age_s: float, span_s: float) -> float:
    """The seconds at its present loss that the loss of the last ``span_s`` was worth; it grew by :func:`aged`."""
    if age_s <= 0:
        return 0.0
    start = max(0.0, age_s - span_s)
    return (age_s - start - AGE_S * (aged(age_s) - aged(start))) / aged(age_s)


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
    trend where it is there. A trend may be that of the task: it counts only where no back-test tells more, and where
    it is all that is known it has to be beyond chance with 95 % certainty. One back-test alone tells nothing of how
    blocks of rows differ: errors count twice then.
    """
    known = ageing(gains, stale.known_until, point)
    parts = {}
    if gains:
        mean, error = known.of(stale.age_s, stale.more)
        parts["ageing"] = (mean, _error(_doubt(gains) * error, point))
    mine = [
        one for one in gains if one.source == "challenger" and one.at > stale.trained_until and math.isfinite(one.error)
    ]
    if mine:
        mean, error = _seen(sorted(mine, key=lambda one: one.at, reverse=True)[:NEWEST], stale, known, point)
        parts["challenger"] = (mean, _error(error, point))
    name, seen = ("fallen", fallen) if fallen is not None else ("trend", _fall(points, is_lower_better))
    if seen is not None and (name == "fallen" or not mine):
        mean, error = seen
        doubt = SURE if name == "trend" and not parts else 1.0
        parts[name] = (LEFT * mean, doubt * _error(float(np.hypot(LEFT * error, 0.5 * LEFT * mean)), point))
    if not parts:
        return Forecast(0.0, point * PRIOR)
    return _together(parts, known.between * aged(stale.age_s) ** 2)


def _together(parts: Mapping[str, tuple[float, float]], between: float) -> Forecast:
    """All parts by their precision; ``between`` is the variance of what versions of that age have lost.

    Where versions differ a lot, what was seen of this one itself counts more than their mean, and it counts alone where
    it is more than that mean allows: the world made a step. The error of the whole is that of what was measured.
    """
    usual, spread = parts.get("ageing", (0.0, math.inf))
    is_step = any(
        mean - usual > SURE * math.hypot(error, spread) for name, (mean, error) in parts.items() if name != "ageing"
    )
    names = [name for name in parts if not (is_step and name == "ageing")]
    means, errors = (np.array(column) for column in zip(*(parts[name] for name in names), strict=True))
    weights = 1 / (errors**2 + np.array([between if name == "ageing" else 0.0 for name in names]))
    weights /= weights.sum()
    return Forecast(float((means * weights).sum()), float(np.sqrt(((errors * weights) ** 2).sum())), parts)


def _seen(mine: Sequence[Gain], stale: Stale, known: Ageing, point: float) -> tuple[float, float]:
    """What back-tests against the live version, newest first, say together, each carried on to a retrain of today.

    One that a newer one contradicts tells of another time, and so do those before it.
    """
    carried = []
    for one in mine:
        rest = max(0.0, (stale.known_until - one.at).total_seconds())
        mean, error = known.of(rest, max(0.0, stale.more - one.more))
        carried.append((one.gain + mean, max(float(np.hypot(one.error, error)), point * FLOOR)))
    newest, error = carried[0]
    carried = list(itertools.takewhile(lambda one: abs(one[0] - newest) <= SURE * math.hypot(one[1], error), carried))
    means, errors = (np.array(column) for column in zip(*carried, strict=True))
    if not np.isfinite(errors).any():
        return 0.0, float("inf")
    weights = errors**-2.0
    mean = float((means * weights).sum() / weights.sum())
    scatter = float((weights * (means - mean) ** 2).sum() / max(len(carried) - 1, 1))
    return mean, _doubt(mine[: len(carried)]) * float(np.sqrt(max(scatter, 1.0) / weights.sum()))


def _doubt(gains: Sequence[Gain]) -> float:
    """How much larger than measured an error is taken to be: few blocks tell little of how blocks differ."""
    return 1 + 1 / max(len({one.at for one in gains}), 1)


def ageing(gains: Sequence[Gain], until: datetime, point: float = 1.0) -> Ageing:
    """All that is known of how fast versions of a model age, with a prior around not at all: a random-effects model.

    Blocks of rows differ by more than chance: a world changes now more, now less. How much more is estimated (R.
    DerSimonian and N. Laird, 1986), and widens the error of each, so that no exact block outweighs all the rest.
    """
    prior = np.eye(2) / (point * PRIOR) ** 2
    usable = [one for one in gains if np.isfinite(one.gain) and np.isfinite(one.error)]
    if not usable:
        return Ageing(np.zeros(2), np.asarray(np.linalg.inv(prior), dtype=np.float64))
    at = np.array([[aged(one.age_s), one.more] for one in usable])
    gain = np.array([one.gain for one in usable])
    old = np.array([(until - one.at).total_seconds() for one in usable])
    error = np.maximum(np.array([one.error for one in usable]), point * FLOOR)
    alike = np.array([sum(one.at == other.at for other in usable) for one in usable])  # these share their rows
    share = 0.5 ** (old / FADE_S) / alike
    mean, _ = _positive(at, gain, share / error**2, prior)
    between = _between(at[:, 0], gain - at @ mean, share / error**2, len({one.at for one in usable}))
    return Ageing(*_positive(at, gain, share / (error**2 + between * at[:, 0] ** 2), prior), between)


def _between(age: Floats, rest: Floats, weight: Floats, blocks: int) -> float:
    """The variance of blocks' slopes beyond their errors, by the method of moments."""
    known = weight * age**2
    if blocks < 2 or not known.sum():
        return 0.0
    above = float((weight * rest**2).sum()) - (blocks - 1)
    below = float(known.sum() - (known**2).sum() / known.sum())
    return max(0.0, above / below) if below > 0 else 0.0


def _positive(at: Floats, gain: Floats, weight: Floats, prior: Floats) -> tuple[Floats, Floats]:
    """The fit, nothing below zero: neither fewer rows nor older ones are thought to help; what looks so is chance."""
    mean, covariance = _fit(at, gain, weight, prior)
    for place in (1, 0):
        if mean[place] < 0:
            at = np.where(np.arange(2) == place, 0.0, at)
            mean, covariance = _fit(at, gain, weight, prior)
    return mean, covariance


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
