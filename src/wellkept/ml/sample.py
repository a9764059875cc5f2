"""Held-out rows as they are judged: a metric's value, its interval, and its difference between two models.

Rows that belong together (the days of an item, what one user chose) are resampled together, so that an interval is not
narrower than what was seen allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.metrics import METRICS, Array
from wellkept.ml.tasks import at_k

Rows = NDArray[np.int64]

ROUNDS = 200
MOST_ROWS = 20_000
"""Of more rows (or groups) each round draws so many; the spread of the draws is then scaled to the whole."""
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Sample:
    """``label`` and ``score`` are float64[n].

    A forecast knows its item (``group``, int64[n]) and the item's scales in training: ``scale`` is the mean absolute
    difference over one season, ``scale_squared`` that of the squares. In a ranking a row is one held-out choice,
    ``group`` its user, and ``score`` the place (from 1) that the model gave it among all that could be offered.
    """

    label: Array
    score: Array
    group: Rows | None = None
    scale: Array | None = None
    scale_squared: Array | None = None

    def __len__(self) -> int:
        return len(self.label)

    def scored(self, score: Array) -> Sample:
        """The same rows as another model scores them."""
        return replace(self, score=score)

    def where(self, rows: NDArray[np.bool_] | Rows) -> Sample:
        """Some of the rows."""
        return Sample(
            self.label[rows],
            self.score[rows],
            None if self.group is None else self.group[rows],
            None if self.scale is None else self.scale[rows],
            None if self.scale_squared is None else self.scale_squared[rows],
        )


def value_of(name: str, sample: Sample) -> float:
    """A metric on a sample; NaN where it has no meaning there."""
    if name in METRICS:
        return METRICS[name](sample.label, sample.score)
    parts = _per_group(name, sample)
    return float(parts.mean()) if len(parts) else float("nan")


def interval_of(name: str, sample: Sample, seed: int) -> tuple[float, float]:
    """The 90 % bootstrap interval of a metric; NaN without rows."""
    return _interval(name, sample, value_of(name, sample), lambda rows: value_of(name, sample.where(rows)), seed)


def paired_interval_of(name: str, ours: Sample, theirs: Array, seed: int) -> tuple[float, float]:
    """The 90 % interval of how much two models differ, both on the same resampled rows."""
    other = ours.scored(theirs)

    def differ(rows: Rows) -> float:
        return value_of(name, ours.where(rows)) - value_of(name, other.where(rows))

    found = value_of(name, ours) - value_of(name, other)
    if name in METRICS:
        return _interval(name, ours, found, differ, seed)
    gaps = _per_group(name, ours) - _per_group(name, other)
    return _of_means(gaps, seed)


def _interval(
    name: str, sample: Sample, found: float, measure: Callable[[Rows], float], seed: int
) -> tuple[float, float]:
    if len(sample) == 0:
        return float("nan"), float("nan")
    if name not in METRICS:
        return _of_means(_per_group(name, sample), seed)
    random = np.random.default_rng(seed)
    together = _together(sample.group) if sample.group is not None else None
    count = len(sample) if together is None else len(together)
    size = min(count, MOST_ROWS)
    draws = []
    for _ in range(ROUNDS):
        drawn = random.integers(0, count, size)
        draws.append(measure(drawn if together is None else np.concatenate([together[unit] for unit in drawn])))
    return _middle(np.asarray(draws), found, float(np.sqrt(size / count)))


def _together(group: Rows) -> list[Rows]:
    """The rows of every group."""
    order = np.argsort(group, kind="stable")
    _, starts = np.unique(group[order], return_index=True)
    return list(np.split(order, starts[1:]))


def _of_means(parts: Array, seed: int) -> tuple[float, float]:
    """The interval of a mean over groups."""
    if len(parts) == 0:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    size = min(len(parts), MOST_ROWS)
    draws = np.array([parts[random.integers(0, len(parts), size)].mean() for _ in range(ROUNDS)])
    return _middle(draws, float(parts.mean()), float(np.sqrt(size / len(parts))))


def _middle(draws: Array, found: float, narrower: float) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [LOW, HIGH])
    if narrower < 1.0 and np.isfinite(found):
        low, high = found + (low - found) * narrower, found + (high - found) * narrower
    return float(low), float(high)


def _per_group(name: str, sample: Sample) -> Array:
    """A metric of every group: of every item in a forecast, of every user in a ranking."""
    if sample.group is None or len(sample) == 0:
        return np.empty(0)
    _, code = np.unique(sample.group, return_inverse=True)
    count = np.bincount(code).astype(np.float64)
    ranked = at_k(name)
    if ranked is not None:
        return _ranked(*ranked, sample.score, code, count)
    error = np.abs(sample.label - sample.score)
    if name == "mase" and sample.scale is not None:
        found = np.bincount(code, error / sample.scale) / count
    elif name == "rmsse" and sample.scale_squared is not None:
        found = np.sqrt(np.bincount(code, error**2 / sample.scale_squared) / count)
    else:
        return np.empty(0)
    return np.asarray(found[np.isfinite(found)], dtype=np.float64)


def _ranked(kind: str, depth: int, place: Array, code: Rows, count: Array) -> Array:
    """Recall, nDCG and average precision at a depth, of every user; each is 1 at best."""
    best = np.minimum(count, depth)
    hit = place <= depth
    if kind == "recall":
        return np.asarray(np.bincount(code, hit) / best, dtype=np.float64)
    if kind == "ndcg":
        gain = np.where(hit, 1 / np.log2(place + 1), 0.0)
        ideal = np.cumsum(1 / np.log2(np.arange(2, depth + 2)))[best.astype(np.int64) - 1]
        return np.asarray(np.bincount(code, gain) / ideal, dtype=np.float64)
    order = np.lexsort((place, code))
    starts = np.r_[0, np.cumsum(count)[:-1]].astype(np.int64)
    nth = np.empty(len(place))
    nth[order] = np.arange(len(place)) - np.repeat(starts, count.astype(np.int64)) + 1
    return np.asarray(np.bincount(code, np.where(hit, nth / place, 0.0)) / best, dtype=np.float64)
