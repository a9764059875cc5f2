"""Held-out rows as they are judged: a metric's value, its interval, and its difference between two models.

Rows that belong together (the days of an item, what one user chose) are resampled together, so that an interval is not
narrower than what was seen allows. A forecast of few items has too few of them to tell what chance does, of one item
nothing at all; there, stretches of moments are resampled, each as long as the cube root of an item's moments: the block
bootstrap (P. Hall, J. Horowitz, B.-Y. Jing, "On blocking rules for the bootstrap with dependent data", 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.interval import MEASURES, Bounds
from wellkept.ml.metrics import METRICS, Array
from wellkept.ml.resample import MOST_ROWS, ROUNDS, Weighted, Weights, draws, mean_of, narrower, weighted
from wellkept.ml.tasks import at_k

Rows = NDArray[np.int64]

LOW, HIGH = 0.05, 0.95
FEW_ITEMS = 10
SCALED = frozenset({"mase", "rmsse"})
"""Metrics that are the mean over the items of a forecast."""
TWO_SIDED_90 = 2 * 1.645
"""A 90 % interval is so many standard errors wide."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``label`` and ``score`` are float64[n].

    A forecast knows its item (``group``, int64[n]) and the item's scales in training: ``scale`` is the mean absolute
    difference over one season, ``scale_squared`` that of the squares. In a ranking a row is one held-out choice,
    ``group`` its user, ``score`` the place (from 1) that the model gave it among all that could be offered, and
    ``offered`` how many these were. ``bounds`` are those of the intervals beside the scores, where there are any.
    """

    label: Array
    score: Array
    group: Rows | None = None
    scale: Array | None = None
    scale_squared: Array | None = None
    offered: Array | None = None
    bounds: Bounds | None = None

    def __len__(self) -> int:
        return len(self.label)

    @property
    def together(self) -> Rows | None:
        """The rows that are resampled together: those of one group; of few items, those of one stretch of moments."""
        if self.group is None or self.offered is not None or len(np.unique(self.group)) >= FEW_ITEMS:
            return self.group
        _, code, count = np.unique(self.group, return_inverse=True, return_counts=True)
        moment, order = np.empty(len(code), dtype=np.int64), np.argsort(code, kind="stable")
        moment[order] = np.arange(len(code)) - np.repeat(np.cumsum(count) - count, count)
        stretch = moment // np.rint(np.cbrt(count)).astype(np.int64)[code]
        return np.asarray(code * len(code) + stretch, dtype=np.int64)

    def scored(self, score: Array, bounds: Bounds | None = None) -> Sample:
        """The same rows as another model scores them."""
        return replace(self, score=score, bounds=bounds)

    def where(self, rows: NDArray[np.bool_] | Rows) -> Sample:
        """Some of the rows."""
        return Sample(
            self.label[rows],
            self.score[rows],
            None if self.group is None else self.group[rows],
            None if self.scale is None else self.scale[rows],
            None if self.scale_squared is None else self.scale_squared[rows],
            None if self.offered is None else self.offered[rows],
            None if self.bounds is None else self.bounds.where(rows),
        )


def value_of(name: str, sample: Sample) -> float:
    """A metric on a sample; NaN where it has no meaning there."""
    if name in MEASURES:
        known = sample.bounds is not None and len(sample) > 0
        return float(np.mean(_measured(name, sample))) if known else float("nan")
    if _is_of_rows(name, sample):
        return METRICS[name](sample.label, sample.score)
    parts = _per_group(name, sample)
    return float(parts.mean()) if len(parts) else float("nan")


def interval_of(name: str, sample: Sample, seed: int) -> tuple[float, float]:
    """The 90 % bootstrap interval of a metric; NaN without rows."""
    if _is_of_groups(name, sample):
        return _of_means(_per_group(name, sample), seed)
    if len(sample) == 0:
        return float("nan"), float("nan")
    found = draws([_weighted(name, sample)], len(sample), sample.together, seed)[0]
    return middle(found, value_of(name, sample), narrower(len(sample), sample.together))


def paired_interval_of(name: str, ours: Sample, theirs: Sample, seed: int) -> tuple[float, float]:
    """The 90 % interval of how much two models differ on the same rows, resampled alike."""
    if _is_of_groups(name, ours):
        return _of_means(_per_group(name, ours) - _per_group(name, theirs), seed)
    if len(ours) == 0:
        return float("nan"), float("nan")
    both = [_weighted(name, one) for one in (ours, theirs)]
    found = np.subtract(*draws(both, len(ours), ours.together, seed))
    return middle(found, value_of(name, ours) - value_of(name, theirs), narrower(len(ours), ours.together))


def spreads_of(name: str, sample: Sample, parts: Sequence[Rows], seed: int) -> list[float]:
    """The standard error of how much each part of the rows differs from all of them in a metric; NaN where unknown."""
    if not _is_of_rows(name, sample):
        whole = _per_group(name, sample)
        return [float(np.hypot(_error_of(_per_group(name, sample.where(rows))), _error_of(whole))) for rows in parts]
    metrics = [_weighted(name, sample), *(_weighted(name, sample, rows) for rows in parts)]
    whole, *of_parts = draws(metrics, len(sample), sample.together, seed)
    factor = narrower(len(sample), sample.together)
    return [_spread(found - whole) * factor for found in of_parts]


def _is_of_rows(name: str, sample: Sample) -> bool:
    """Whether a metric is computed of all rows at once, and not of every group; of places there is none."""
    return (name in METRICS or name in MEASURES) and sample.offered is None


def _is_of_groups(name: str, sample: Sample) -> bool:
    """Whether the chance of a metric is told by how its groups differ."""
    return not _is_of_rows(name, sample) and (name not in SCALED or sample.together is sample.group)


def _measured(name: str, sample: Sample) -> Array:
    """What a metric of intervals says of each row; NaN without intervals."""
    return np.full(len(sample), np.nan) if sample.bounds is None else MEASURES[name](sample.bounds, sample.label)


def _weighted(name: str, sample: Sample, rows: Rows | None = None) -> Weighted:
    """A metric of weighted rows; of a forecast of few items also those that are the mean over items.

    ``rows``: of some rows alone.
    """
    if name in MEASURES:
        return mean_of(_measured(name, sample), np.arange(len(sample)) if rows is None else rows)
    if _is_of_rows(name, sample):
        return weighted(name, sample.label, sample.score, rows)
    error, is_root = np.abs(sample.label - sample.score), name == "rmsse"
    scale = sample.scale_squared if is_root else sample.scale
    if sample.group is None or scale is None:
        return lambda weights: np.full(len(weights), np.nan)
    scaled = (error**2 if is_root else error) / scale
    mine = (sample.group[:, None] == np.unique(sample.group)) & np.isfinite(scaled)[:, None]
    parts = np.where(mine, scaled[:, None], 0.0)

    def metric(weights: Weights) -> Array:
        count = weights @ mine
        found = np.where(count > 0, weights @ parts / np.where(count > 0, count, 1.0), 0.0)
        items = (count > 0).sum(axis=1)
        total = (np.sqrt(found) if is_root else found).sum(axis=1)
        return np.asarray(np.where(items > 0, total / np.maximum(items, 1), np.nan))

    return metric


def _spread(found: Array) -> float:
    known = found[np.isfinite(found)]
    return float(known.std(ddof=1)) if len(known) > ROUNDS / 2 else float("nan")


def _error_of(parts: Array) -> float:
    """The standard error of a mean."""
    return float(parts.std(ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else float("nan")


def _of_means(parts: Array, seed: int) -> tuple[float, float]:
    """The interval of a mean over groups."""
    if len(parts) == 0:
        return float("nan"), float("nan")
    size = min(len(parts), MOST_ROWS)
    found = parts[np.random.default_rng(seed).integers(0, len(parts), (ROUNDS, size))].mean(axis=1)
    return middle(found, float(parts.mean()), float(np.sqrt(size / len(parts))))


def middle(found: Array, value: float, factor: float) -> tuple[float, float]:
    """The 90 % interval of draws, narrowed by a factor about the value; NaN without a draw that is a number."""
    known = found[np.isfinite(found)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [LOW, HIGH])
    if factor < 1.0 and np.isfinite(value):
        low, high = value + (low - value) * factor, value + (high - value) * factor
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
    if sample.offered is not None:
        return _areas(sample.score, sample.offered, code, count) if name == "roc_auc" else np.empty(0)
    error = np.abs(sample.label - sample.score)
    if name == "mase" and sample.scale is not None:
        found = np.bincount(code, error / sample.scale) / count
    elif name == "rmsse" and sample.scale_squared is not None:
        found = np.sqrt(np.bincount(code, error**2 / sample.scale_squared) / count)
    else:
        return np.empty(0)
    return np.asarray(found[np.isfinite(found)], dtype=np.float64)


def _areas(place: Array, offered: Array, code: Rows, count: Array) -> Array:
    """Of every user, the chance that what was chosen stands above another offer: the area under their ROC curve."""
    above = np.clip((offered - place) / np.maximum(offered - 1, 1.0), 0.0, 1.0)
    return np.asarray(np.bincount(code, above) / count, dtype=np.float64)


def _ranked(kind: str, depth: int, place: Array, code: Rows, count: Array) -> Array:
    """Recall, nDCG and average precision at a depth, of every user.

    Recall is the share of all that a user chose, as everywhere; the others are 1 at best, whatever the depth.
    """
    hit = place <= depth
    if kind == "recall":
        return np.asarray(np.bincount(code, hit) / count, dtype=np.float64)
    best = np.minimum(count, depth)
    if kind == "ndcg":
        gain = np.where(hit, 1 / np.log2(place + 1), 0.0)
        ideal = np.cumsum(1 / np.log2(np.arange(2, depth + 2)))[best.astype(np.int64) - 1]
        return np.asarray(np.bincount(code, gain) / ideal, dtype=np.float64)
    order = np.lexsort((place, code))
    starts = np.r_[0, np.cumsum(count)[:-1]].astype(np.int64)
    nth = np.empty(len(place))
    nth[order] = np.arange(len(place)) - np.repeat(starts, count.astype(np.int64)) + 1
    return np.asarray(np.bincount(code, np.where(hit, nth / place, 0.0)) / best, dtype=np.float64)
