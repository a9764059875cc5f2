"""The simplest models that there are, as yardsticks: the mean, the most frequent class, the season before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.ml.train.split import seconds_of

Floats = NDArray[np.float64]


def constant(label: Floats, task: str, count: int) -> Floats:
    """The same answer for every row: the mean of the training labels, or their most frequent class."""
    if task != "multiclass_classification":
        return np.full(count, label.mean())
    kinds, counts = np.unique(label, return_counts=True)
    return np.full(count, kinds[counts.argmax()])


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Of every held-out row of a forecast: its item's number, the forecast of the season before, the item's scales."""

    item: NDArray[np.int64]
    naive: Floats
    scale: Floats
    scale_squared: Floats


def seasonal(trained: pa.Table, held_out: pa.Table, item: str, label: str, season: int) -> Yardstick:
    """Seasonal naive forecasts, and the mean absolute and squared seasonal differences in training by item.

    Moments are the distinct times of both tables. Where a season before has no value, earlier ones are looked at; an
    item without any is forecast by its mean, and one without differences has a scale of NaN.
    """
    moments, place = np.unique(np.r_[seconds_of(trained), seconds_of(held_out)], return_inverse=True)
    items, code = np.unique(np.array(trained[item].to_pylist() + held_out[item].to_pylist()), return_inverse=True)
    count, first = trained.num_rows, place[trained.num_rows :].min(initial=len(moments))
    known = np.full((len(items), len(moments)), np.nan)
    value = trained[label].to_numpy(zero_copy_only=False).astype(np.float64)
    known[code[:count], place[:count]] = value
    gaps = known[:, season:] - known[:, :-season] if season < len(moments) else np.empty((len(items), 0))
    scale, squared = _mean(np.abs(gaps)), _mean(gaps**2)
    row, back = code[count:], place[count:].copy()
    naive = np.full(len(row), np.nan)
    while (back >= 0).any():
        back = back - season
        wanted = np.isnan(naive) & (back >= 0) & (back < first)
        naive[wanted] = known[row[wanted], back[wanted]]
    mean = _mean(known)[row]
    naive = np.where(np.isnan(naive), np.where(np.isnan(mean), value.mean(), mean), naive)
    return Yardstick(row.astype(np.int64), naive, _positive(scale)[row], _positive(squared)[row])


def _mean(table: Floats) -> Floats:
    """The mean of every row over what is known; NaN where nothing is."""
    count = np.isfinite(table).sum(axis=1)
    return np.where(count > 0, np.nansum(table, axis=1) / np.maximum(count, 1), np.nan)


def _positive(scale: Floats) -> Floats:
    return np.where(scale > 0, scale, np.nan)
