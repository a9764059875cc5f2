"""Confidences to probabilities: how often a suspect of such a confidence, among such others, was the true cause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_EDGE = 1e-4


def probabilities(confidences: Sequence[float], calibration: tuple[float, float]) -> tuple[list[float], float]:
    """The probability of each suspect, and that it is none of them; together they are 1.

    A conditional logit with an outside option: with ``calibration`` ``(a, b)`` the odds of a suspect of confidence
    ``c`` against none of them are ``(c / (1 - c)) ** b / exp(a)``. Only one can be the cause, so a strong suspect
    takes from the others; that rules none of them out.
    """
    outside, steepness = calibration
    sure = np.clip(np.asarray(confidences, dtype=np.float64), _EDGE, 1.0 - _EDGE)
    scores = np.append(steepness * np.log(sure / (1.0 - sure)), outside)
    weights: Floats = np.exp(scores - scores.max())
    shares = [float(f"{share:.4g}") for share in weights / weights.sum()]
    return shares[:-1], shares[-1]
