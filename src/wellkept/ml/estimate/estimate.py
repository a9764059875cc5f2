"""The estimated performance of a window whose labels are not known yet, with a 90 % interval.

Classification is confidence-based: scores are calibrated again on labels that have come lately, and a metric is what it
would be if every row came true with its calibrated chance. Numbers have their loss estimated directly: by the losses of
labelled rows of about the same prediction.

Source: NannyML's CBPE and DLE; J. Bialek et al., "Estimating model performance under covariate shift without labels"
(2024), from which the weighting towards the present window comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.binned import BINARY, CLASSES, LOSSES
from wellkept.ml.estimate.calibration import maps

Array = NDArray[np.float64]

ROUNDS = 100
SEED = 29
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Estimated:
    """A value with its 90 % interval, and its standard error; all NaN where nothing can be said."""

    value: float
    low: float
    high: float
    error: float

    @property
    def is_known(self) -> bool:
        return bool(np.isfinite(self.value))

    def wider(self, by: float) -> Estimated:
        """With an error of ``by`` (a standard deviation) more that the draws know nothing of."""
        if not self.is_known or not by > 0:
            return self
        error = float(np.hypot(self.error, by))
        factor = error / self.error if self.error > 0 else np.inf
        if not np.isfinite(factor):
            return Estimated(self.value, self.value - Z90 * error, self.value + Z90 * error, error)
        low, high = (self.value + (edge - self.value) * factor for edge in (self.low, self.high))
        return Estimated(self.value, low, high, error)


Z90 = 1.6448536
NOTHING = Estimated(float("nan"), float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What is known of rows with labels, in B bins of rising prediction (of many classes: one bin a named class).

    ``counts`` is float64[B, L], rows by the label's class (binary: 0 and 1; numbers: one class), weighted or not.
    ``losses`` is float64[B, 4], of numbers: the sums of the absolute error, its square, its fourth power, and of the
    absolute label; zero elsewhere. ``fewer``: by weighting, the rows say as much as this share of them would.
    """

    counts: Array
    losses: Array
    fewer: float = 1.0

    @property
    def rows(self) -> float:
        return float(self.counts.sum())


def estimate(name: str, known: Labelled, now: Array, score: Array, rounds: int = ROUNDS, seed: int = SEED) -> Estimated:
    """A metric of the rows ``now`` (float64[B], counts in the bins), judged by labelled rows of the same bins.

    ``score`` is float64[B], the mean prediction of each bin.
    """
    if known.rows <= 0 or now.sum() <= 0:
        return NOTHING
    random = np.random.default_rng(seed)
    if name in BINARY:
        found = _binary(name, known, now, score, rounds, random)
    elif name in CLASSES:
        found = _classes(name, known, now, rounds, random)
    elif name in LOSSES:
        found = _losses(name, known, now, rounds, random)
    else:
        return NOTHING
    return summed_up(found)


def summed_up(found: Array) -> Estimated:
    """Draws, as a value (their middle) with an interval; NaN where hardly any is a number."""
    known = found[np.isfinite(found)]
    if len(known) <= len(found) / 2:
        return NOTHING
    low, high = np.quantile(known, [LOW, HIGH])
    return Estimated(float(known.mean()), float(low), float(high), float(known.std()))


def _binary(name: str, known: Labelled, now: Array, score: Array, rounds: int, random: np.random.Generator) -> Array:
    counts = known.counts * known.fewer
    chance = maps(counts[:, 1], counts.sum(axis=1), rounds, random)
    rows = np.round(now).astype(np.int64)
    drawn = random.binomial(rows, np.clip(chance[1:], 0.0, 1.0)).astype(np.float64)
    noisy = BINARY[name](drawn, rows - drawn, score)
    expected = rows * chance[:1]
    # Draws of the map alone lie about its mean, which is no sharper than the best map: their spread is moved to it.
    best = float(BINARY[name](expected, rows - expected, score)[0])
    middle = np.nanmean(noisy) if np.isfinite(noisy).any() else np.nan
    sampled = random.binomial(rows, chance[:1], (rounds, len(rows))).astype(np.float64)
    around = BINARY[name](sampled, rows - sampled, score)
    centre = np.nanmean(around) if np.isfinite(around).any() else best
    return np.asarray(noisy - middle + centre, dtype=np.float64)


def _classes(name: str, known: Labelled, now: Array, rounds: int, random: np.random.Generator) -> Array:
    """Each named class turns out to be this or that class about as often as it did lately."""
    counts = known.counts * known.fewer
    everyone = counts.sum(axis=0)
    prior = everyone / everyone.sum() if everyone.sum() > 0 else np.full(counts.shape[1], 1.0 / counts.shape[1])
    alpha = np.maximum(counts + prior, 1e-9)
    share = random.gamma(alpha, 1.0, (rounds, *alpha.shape))
    share /= share.sum(axis=2, keepdims=True)
    rows = np.round(now).astype(np.int64)
    return CLASSES[name](random.multinomial(rows[None, :], share).astype(np.float64))


def _losses(name: str, known: Labelled, now: Array, rounds: int, random: np.random.Generator) -> Array:
    counts = known.counts.sum(axis=1)
    column = 1 if name == "rmse" else 0
    mean = _smooth(known.losses[:, column], counts)
    square = _smooth(known.losses[:, 2 if name == "rmse" else 1], counts)
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    seen = np.maximum(counts * known.fewer, 1.0)
    rows, total = now, now.sum()
    of_map = mean + random.normal(size=(rounds, len(now))) * spread / np.sqrt(seen)
    of_rows = random.normal(size=(rounds, len(now))) * spread * np.sqrt(rows)
    loss = np.maximum((of_map * rows + of_rows).sum(axis=1), 0.0)
    if name == "rmse":
        return np.asarray(np.sqrt(loss / total), dtype=np.float64)
    if name == "mae":
        return np.asarray(loss / total, dtype=np.float64)
    truth = float((_smooth(known.losses[:, 3], counts) * rows).sum())
    return np.asarray(loss / truth if truth > 0 else np.full(rounds, np.nan), dtype=np.float64)


def _smooth(sums: Array, counts: Array) -> Array:
    """Means by bin; one with few rows leans on its neighbours, and one with none is theirs."""
    kernel = np.array([0.05, 0.2, 0.5, 0.2, 0.05])
    wide = min(len(counts), len(kernel))
    if wide < len(kernel):
        return np.full(len(counts), sums.sum() / max(counts.sum(), 1.0))
    above, below = np.convolve(sums, kernel, "same"), np.convolve(counts, kernel, "same")
    overall = sums.sum() / max(counts.sum(), 1.0)
    return np.asarray((above + overall) / (below + 1.0), dtype=np.float64)
