"""Sequential tests: evidence that may be looked at as often as one likes, and acted on at any time.

Evidence is an e-value: were the hypothesis true, its expectation would be at most 1 whenever one stops, so that (Ville)
it ever reaches 1/alpha with a probability of at most alpha. All of it is computed from sums, so nothing has to be kept
between two looks. Logarithms throughout; arrays or single numbers.

Shares (failed, slow) are tested exactly: two Beta mixtures over the likelihood that the hypothesis allows at most
(Robbins 1970; Wasserman, Ramdas, Balakrishnan 2020, "Universal inference"; of the difference of two shares: Turner,
Gruenwald 2023, "Exact anytime-valid confidence intervals for contingency tables"). Means are tested by the mixture SPRT
with a half-normal mixture over how much worse it is (Robbins; Johari, Pekelis, Walsh 2015, "Always valid inference"),
which holds when there are many. Releases are judged so in Lindon, Sanden, Shirikian 2022, "Rapid regression detection
in software deployments through sequential testing".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PRIORS = ((0.5, 0.5), (0.5, 50.0))
"""Beta mixtures for any share, and for small ones, in equal parts. Any are valid; these find harm soon."""
TINY = 1e-12
HALVINGS = 48
_STIRLING = (1 / 12, -1 / 360, 1 / 1260)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two logarithms of e-values: against "no more than the limit worse", and against "at least so much worse"."""

    harm: Floats
    fine: Floats


def share_evidence(hits1: ArrayLike, rows1: ArrayLike, hits0: ArrayLike, rows0: ArrayLike, limit: float) -> Evidence:
    """Whether the share ``hits1 / rows1`` is above ``hits0 / rows0`` by more than ``limit``, or by less.

    Counts need not be whole: those of clustered rows are divided by their design effect (see :func:`design_effect`).
    """
    e1, n1, e0, n0 = (np.asarray(value, dtype=np.float64) for value in (hits1, rows1, hits0, rows0))
    seen = _marginal(e1, n1) + _marginal(e0, n0)
    free = _likelihood(e1, n1, e1 / np.maximum(n1, TINY)) + _likelihood(e0, n0, e0 / np.maximum(n0, TINY))
    edge = _at_the_limit(e1, n1, e0, n0, limit)
    is_worse = e1 * n0 - e0 * n1 > limit * n1 * n0
    return Evidence(seen - np.where(is_worse, edge, free), seen - np.where(is_worse, free, edge))


def mean_evidence(difference: ArrayLike, variance: ArrayLike, scale: ArrayLike) -> Evidence:
    """Whether a mean is above 0, or below, by its estimate, the variance of that, and about how far it may lie."""
    d, v, tau2 = (np.asarray(value, dtype=np.float64) for value in (difference, variance, np.square(scale)))
    v = np.maximum(v, TINY * TINY)
    both = math.log(2) + 0.5 * np.log(v / (v + tau2)) + d * d * tau2 / (2 * v * (v + tau2))
    z = d * np.sqrt(tau2 / (v * (v + tau2)))
    return Evidence(both + _log_normal(z), both + _log_normal(-z))


def design_effect(hits: Floats, rows: Floats) -> Floats:
    """By how much fewer rows these are worth than independent ones: hits float64[buckets, ...], rows float64[buckets].

    What one caller asks again and again fails again and again: the variance of the share is taken between buckets of
    callers and compared with that of independent rows (Rao and Scott 1992). At least 1.
    """
    total, used = rows.sum(), int((rows > 0).sum())
    if used < 2:
        return np.full(hits.shape[1:], max(float(total), 1.0))
    share = hits.sum(axis=0) / total
    apart = hits - share * rows.reshape((-1, *([1] * (hits.ndim - 1))))
    between = used / (used - 1) * np.square(apart).sum(axis=0)
    independent = total * share * (1 - share)
    effect = np.where(independent > 0, between / np.maximum(independent, TINY), 1.0)
    return np.asarray(np.maximum(effect, 1.0), dtype=np.float64)


def _marginal(hits: Floats, rows: Floats) -> Floats:
    """The likelihood of the counts, mixed over the share by the priors."""
    parts = np.stack([_log_beta(a + hits, b + rows - hits) - _own_beta(a, b) for a, b in PRIORS])
    return np.asarray(np.logaddexp.reduce(parts, axis=0) - math.log(len(PRIORS)), dtype=np.float64)


def _likelihood(hits: Floats, rows: Floats, share: Floats) -> Floats:
    """With 0 log 0 = 0."""
    some = hits * np.log(np.maximum(share, TINY))
    none = (rows - hits) * np.log(np.maximum(1 - share, TINY))
    return np.asarray(np.where(hits > 0, some, 0.0) + np.where(rows > hits, none, 0.0), dtype=np.float64)


def _at_the_limit(e1: Floats, n1: Floats, e0: Floats, n0: Floats, limit: float) -> Floats:
    """The greatest likelihood of two shares that are exactly ``limit`` apart; its slope falls, so it is halved."""
    low, high = np.zeros(np.broadcast(e1, n1, e0, n0).shape), np.full(np.broadcast(e1, n1, e0, n0).shape, 1.0 - limit)
    for _ in range(HALVINGS):
        p = np.clip((low + high) / 2, TINY, 1 - limit - TINY)
        slope = e1 / (p + limit) - (n1 - e1) / (1 - p - limit) + e0 / p - (n0 - e0) / (1 - p)
        low, high = np.where(slope > 0, p, low), np.where(slope > 0, high, p)
    p = (low + high) / 2
    return _likelihood(e1, n1, p + limit) + _likelihood(e0, n0, p)


def _log_beta(a: Floats, b: Floats) -> Floats:
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)


def _own_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_gamma(x: Floats) -> Floats:
    """Stirling's series above 8, moved up to there by the recurrence; right to 1e-9 for x > 0."""
    x = np.asarray(x, dtype=np.float64)
    moved = np.ones_like(x)
    for step in range(8):
        moved = moved * (x + step)
    y = x + 8
    series = sum(factor / y ** (2 * order + 1) for order, factor in enumerate(_STIRLING))
    return np.asarray(
        (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series - np.log(moved), dtype=np.float64
    )


_erfc = np.frompyfunc(math.erfc, 1, 1)


def _log_normal(z: Floats) -> Floats:
    """The logarithm of the normal distribution function; far out by its asymptote."""
    near = np.log(0.5 * np.asarray(_erfc(-np.maximum(z, -30.0) / math.sqrt(2)), dtype=np.float64))
    far = -0.5 * z * z - np.log(np.maximum(-z, 1.0) * math.sqrt(2 * math.pi))
    return np.asarray(np.where(z < -30.0, far, near), dtype=np.float64)
