"""VUS-PR: the volume under the precision-recall surface, over thresholds and over how exactly a label is placed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ranges = list[tuple[int, int]]

THRESHOLDS = 250
USUAL_WINDOW = 125
LONGEST_WINDOW = 300
LAGS = 400


def vus_pr(scores: Floats, labels: Bools, window: int) -> float:
    """VUS-PR of one curve, with buffers of 0 to ``window`` rows around each labelled segment.

    ``scores``: [T], the higher the more suspicious. ``labels``: [T]. NaN where nothing is labelled. 250 thresholds, at
    evenly spaced ranks of the scores. A row of a buffer counts the less the further it is from the segment, and recall
    is multiplied by the share of segments that were touched at all.

    Source: Paparrizos et al., "Volume Under the Surface" (PVLDB 2022), as TSB-AD 1.5 computes it.
    """
    found = segments(labels)
    if not found:
        return float("nan")
    ranks = np.linspace(0, len(scores) - 1, THRESHOLDS).astype(int)
    limits = -np.sort(-scores)[ranks]
    level = np.searchsorted(-limits, -scores, side="left")  # the first threshold that a row reaches
    picked = _cumulated(level, None)
    hits = _cumulated(level[labels], None)
    zone = np.flatnonzero(_extended(labels, found, window) > 0)
    zone = zone[~labels[zone]]
    areas = []
    for width in range(window + 1):
        near = _cumulated(level[zone], _extended(labels, found, width)[zone])
        recall = np.minimum((hits + near) / (labels.sum() + near / 2), 1) * _touched(level, found, width)
        precision = (hits + near) / picked
        areas.append(float(np.dot(np.diff(recall, prepend=0), precision)))
    return float(np.mean(areas))


def segments(labels: Bools) -> Ranges:
    """First and last row of each run of labelled rows."""
    edges = np.diff(np.concatenate(([0], labels.astype(np.int8), [0])))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))


def period(values: Floats) -> int:
    """The window that TSB-AD takes for a curve: the lag, up to 300, of the highest peak of its autocorrelation."""
    values = values[:20_000] - values[:20_000].mean()
    spectrum = np.fft.rfft(values, 2 * len(values))
    product = np.fft.irfft(spectrum * np.conj(spectrum))[: LAGS + 1]
    if not product[0] > 0:
        return USUAL_WINDOW
    line = (product / product[0])[3:]
    peaks = np.flatnonzero((line[1:-1] > line[:-2]) & (line[1:-1] > line[2:])) + 1
    if not len(peaks):
        return USUAL_WINDOW
    best = int(peaks[np.argmax(line[peaks])])
    return USUAL_WINDOW if best < 3 or best > LONGEST_WINDOW else best + 3


def _cumulated(level: NDArray[np.intp], weights: Floats | None) -> Floats:
    """Sum of what is at or above each threshold."""
    return np.cumsum(np.bincount(level, weights, THRESHOLDS)[:THRESHOLDS]).astype(np.float64)


def _extended(labels: Bools, found: Ranges, width: int) -> Floats:
    """1 in a segment, and less and less up to half of ``width`` rows away from it."""
    weight = labels.astype(np.float64)
    reach, rows = width // 2, len(labels)
    if not reach:
        return weight
    slope = np.sqrt(1 - np.arange(1, reach + 1) / width)
    for first, last in found:
        after = slope[: max(0, min(reach, rows - 1 - last))]
        weight[last + 1 : last + 1 + len(after)] += after
        before = slope[: min(reach, first)]
        weight[first - len(before) : first] += before[::-1]
    return np.minimum(weight, 1)


def _touched(level: NDArray[np.intp], found: Ranges, width: int) -> Floats:
    """For each threshold the share of segments, with their buffers, that hold a row at or above it."""
    reach = width // 2
    joined: Ranges = []
    start = max(found[0][0] - reach, 0)
    for (_, last), (first, _) in pairwise(found):
        if last + reach < first - reach:
            joined.append((start, last + reach))
            start = first - reach
    joined.append((start, min(found[-1][1] + reach, len(level) - 1)))
    best = np.array([level[first : last + 1].min() for first, last in joined])
    return _cumulated(best, None) / len(joined)
