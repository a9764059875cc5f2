"""The score of the Numenta Anomaly Benchmark: early detections in windows earn, detections outside cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PROFILES = {"nab_standard": (1.0, 0.11, 1.0), "nab_low_fp": (1.0, 0.22, 1.0), "nab_low_fn": (1.0, 0.11, 2.0)}
"""Name to what a true detection earns, a false one costs, and a missed window costs."""


@dataclass(frozen=True, slots=True)
class Windowed:
    """The scores [T] of one series, with its windows as first and last rows, and how many rows are not scored."""

    scores: Floats
    windows: tuple[tuple[int, int], ...]
    probation: int


@dataclass(frozen=True, slots=True)
class _Ledger:
    """All of a corpus that depends on no threshold: value of each row, with its window (-1 outside any)."""

    scores: Floats
    values: Floats
    window: NDArray[np.int64]
    windows: int


def best(corpus: Sequence[Windowed], profile: str) -> tuple[float, float]:
    """The score at the corpus' best threshold, and that threshold. One threshold holds for all series."""
    ledger = _ledger(corpus)
    tried = np.unique(ledger.scores)[::-1]
    if len(tried) > 2000:
        tried = tried[np.unique(np.geomspace(1, len(tried), 2000).astype(int)) - 1]
    results = [(_at(ledger, float(limit), profile), float(limit)) for limit in tried]
    return max(results, default=(0.0, np.inf), key=lambda result: result[0])


def score(corpus: Sequence[Windowed], limit: float, profile: str) -> float:
    """The normalised score at a threshold: 100 is perfect, 0 is silence."""
    return _at(_ledger(corpus), limit, profile)


def _at(ledger: _Ledger, limit: float, profile: str) -> float:
    gain, cost, missed = PROFILES[profile]
    on = ledger.scores >= limit
    inside = on & (ledger.window >= 0)
    earned = np.full(ledger.windows, -np.inf)
    np.maximum.at(earned, ledger.window[inside], ledger.values[inside])
    got = np.isfinite(earned)
    total = gain * earned[got].sum() - missed * (~got).sum() + cost * ledger.values[on & (ledger.window < 0)].sum()
    null = -missed * ledger.windows
    return float(100 * (total - null) / (gain * ledger.windows - null)) if ledger.windows else float("nan")


def _ledger(corpus: Sequence[Windowed]) -> _Ledger:
    scores, values, window, windows = [], [], [], 0
    for series in corpus:
        start = series.probation
        value, place, windows = _values(series, start, windows)
        scores.append(series.scores[start:])
        values.append(value[start:])
        window.append(place[start:])
    return _Ledger(np.concatenate(scores), np.concatenate(values), np.concatenate(window), windows)


def _values(series: Windowed, start: int, windows: int) -> tuple[Floats, NDArray[np.int64], int]:
    """Worth of a detection at each row, the window it is in, and the number of windows so far."""
    rows = np.arange(len(series.scores))
    value, place = np.full(len(rows), -1.0), np.full(len(rows), -1)
    for first, last in series.windows:
        if last < start:
            continue
        width = last - first + 1
        inside = slice(first, last + 1)
        value[inside] = _sigmoid(-(last - rows[inside] + 1) / width) / _sigmoid(np.array(-1.0))
        place[inside] = windows
        windows += 1
        after = rows > last
        value[after] = _sigmoid((rows[after] - last) / max(width - 1, 1))
    return value, place, windows


def _sigmoid(position: Floats) -> Floats:
    """NAB's scaled sigmoid: near 1 early in a window, 0 at its end, -1 far behind it."""
    return np.asarray(np.where(position > 3, -1.0, 2 / (1 + np.exp(np.clip(5 * position, -50, 50))) - 1))
