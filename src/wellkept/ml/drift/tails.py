"""Chances of large values, far out in the tail, where tables of the usual levels do not reach."""

from __future__ import annotations

import math

STEPS = 500
"""Terms of a series at most; far fewer are needed where the values are those of counts."""
TINY = 1e-300


def normal_tail(z: float) -> float:
    """The chance that a standard normal value is above ``z``."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def student_tail(t: float, freedom: float) -> float:
    """The chance that a value of Student's distribution is above ``t`` (at least 0).

    Source: D. Wallace's approximation by the normal distribution (1959); good to some percent for 3 degrees and more.
    """
    if math.isinf(freedom):
        return normal_tail(t)
    shrunk = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return normal_tail(shrunk)


def gamma_tail(x: float, mean: float, variance: float) -> float:
    """The chance that a gamma-distributed value of this mean and variance is above ``x``; chi-square is one such.

    Source: Numerical Recipes, 6.2 (series below, continued fraction above the mean).
    """
    if x <= 0 or mean <= 0:
        return 1.0
    if variance <= 0:
        return float(x < mean)
    shape, at = mean * mean / variance, x * mean / variance
    front = math.exp(max(-700.0, shape * math.log(at) - at - math.lgamma(shape)))
    if at < shape + 1:
        return max(0.0, 1.0 - front * _series(shape, at))
    return min(1.0, max(TINY, front * _fraction(shape, at)))


def _series(shape: float, at: float) -> float:
    term = total = 1.0 / shape
    for step in range(1, STEPS):
        term *= at / (shape + step)
        total += term
        if term < total * 1e-12:
            break
    return total


def _fraction(shape: float, at: float) -> float:
    """Lentz's way through the continued fraction of the upper incomplete gamma function."""
    b = at + 1.0 - shape
    c, d = 1e30, 1.0 / b
    value = d
    for step in range(1, STEPS):
        a = -step * (step - shape)
        b += 2.0
        d = 1.0 / (a * d + b or 1e-30)
        c = b + a / c or 1e-30
        value *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return value
