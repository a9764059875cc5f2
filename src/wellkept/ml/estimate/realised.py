"""The realised performance of cohorts, by the labels that have come, each standing for those still to come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.binned import BINARY, CLASSES
from wellkept.ml.estimate.estimate import NOTHING, ROUNDS, SEED, Estimated, summed_up

Array = NDArray[np.float64]


def realised(
    name: str, counts: Array, weight: Array, losses: Array, score: Array, rounds: int = ROUNDS, seed: int = SEED
) -> Estimated:
    """A metric of labelled rows with its 90 % interval.

    ``counts`` float64[B, L] rows that have a label, ``weight`` float64[L] what each stands for, ``losses``
    float64[B, 4] and ``score`` float64[B] as in :mod:`wellkept.ml.estimate.cohorts`. A draw resamples the rows (by
    Poisson weights).
    """
    if counts.sum() <= 0 or not (weight > 0).all():
        return NOTHING
    random = np.random.default_rng(seed)
    drawn = np.concatenate([counts[None], random.poisson(counts, (rounds, *counts.shape)).astype(np.float64)]) * weight
    if name in BINARY:
        found = BINARY[name](drawn[:, :, 1], drawn[:, :, 0], score)
    elif name in CLASSES:
        size = max(counts.shape)
        square = np.zeros((len(drawn), size, size))
        square[:, : counts.shape[0], : counts.shape[1]] = drawn
        found = CLASSES[name](square)
    else:
        found = _numbers(name, counts, losses, rounds, random)
    if not np.isfinite(found[0]):
        return NOTHING
    spread = summed_up(found[1:])
    if not spread.is_known:
        return NOTHING
    move = float(found[0]) - spread.value
    return Estimated(float(found[0]), spread.low + move, spread.high + move, spread.error)


def _numbers(name: str, counts: Array, losses: Array, rounds: int, random: np.random.Generator) -> Array:
    """The metric of sums of losses, then draws of it: the mean loss is normal by its own variance."""
    rows, sums = float(counts.sum()), losses.sum(axis=0)
    first, second = (1, 2) if name == "rmse" else (0, 1)
    mean = sums[first] / rows
    error = np.sqrt(max(sums[second] / rows - mean**2, 0.0) / rows)
    drawn = np.maximum(np.r_[mean, mean + error * random.normal(size=rounds)], 0.0)
    if name == "rmse":
        return np.asarray(np.sqrt(drawn), dtype=np.float64)
    if name == "mae":
        return np.asarray(drawn, dtype=np.float64)
    truth = sums[3] / rows
    return np.asarray(drawn / truth if truth > 0 else np.full(rounds + 1, np.nan), dtype=np.float64)
