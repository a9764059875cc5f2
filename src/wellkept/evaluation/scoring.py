"""Scoring of one curve's scores against its labels: event F1, alarms under a threshold, and how late they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation.vus import segments

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

QUIET_S = 1800.0
"""A false alarm is over after this long without another row above the threshold."""


def event_f1(scores: Floats, labels: Bools) -> float:
    """Event F1 (log) at the curve's best threshold; NaN where nothing is labelled.

    A segment of length L is one item of weight floor(log3(L + 3)), scored by its highest score; each normal row is one
    item of weight 1. Rows with equal scores are taken together. Source: TimeSeriesBench (ISSRE 2024).
    """
    found = segments(labels)
    if not found:
        return float("nan")
    weights = np.array([np.floor(np.log(last - first + 4) / np.log(3) + 1e-9) for first, last in found])
    best = np.array([scores[first : last + 1].max() for first, last in found])
    normal = scores[~labels]
    value = np.concatenate((best, normal))
    order = np.argsort(-value, kind="stable")
    gain = np.cumsum(np.concatenate((weights, np.zeros(len(normal))))[order])
    taken = np.cumsum(np.concatenate((weights, np.ones(len(normal))))[order])
    value = value[order]
    last_equal = np.append(value[1:] != value[:-1], True)
    hits, taken = gain[last_equal], taken[last_equal]
    return float((2 * hits / (taken + weights.sum())).max())


@dataclass(frozen=True, slots=True)
class Alarms:
    """What a threshold gave on one curve. ``delays_s``: of each segment that was found, from its beginning."""

    segments: int
    delays_s: tuple[float, ...]
    false_groups: int
    weeks: float

    @property
    def found(self) -> int:
        return len(self.delays_s)


def alarms(above: Bools, labels: Bools, times: Floats) -> Alarms:
    """Segments found and groups of false alarms, of rows that are ``above`` the threshold; all are [T].

    A group is normal rows above the threshold that are at most half an hour apart. Weeks are those of normal rows.
    """
    found = segments(labels)
    delays = []
    for first, last in found:
        inside = np.flatnonzero(above[first : last + 1])
        if len(inside):
            delays.append(float(times[first + inside[0]] - times[first]))
    false = times[above & ~labels]
    groups = int(len(false) > 0) + int((np.diff(false) > QUIET_S).sum())
    steps = np.diff(times)
    normal_s = float(np.minimum(steps, 10 * np.median(steps))[~labels[1:]].sum()) if len(steps) else 0.0
    return Alarms(len(found), tuple(delays), groups, normal_s / (7 * 86_400))
