"""How large a distance chance alone makes: by resampling the reference, and by how its own windows differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.drift.distances import HALF_COUNT, divergence, ordered
from wellkept.ml.drift.tails import gamma_tail, student_tail

Floats = NDArray[np.float64]
Counts = NDArray[np.float64] | NDArray[np.int64]
Distance = Callable[[Floats, Floats], Floats]
DRAWS = 400
SEED = 29
GRAIN = 0.05
"""Window sizes are resampled in steps of 5 %: what lies between differs by less than the draws do."""
LEAST_MEAN, LEAST_VARIANCE = 0.05, 0.5
"""Of a column that was constant: one odd value is a chance of some thousandths then, and many are none."""
DIGITS = 3
"""Shares of bins are told apart by so many digits."""
DISTANCES: dict[str, Distance] = {"divergence": divergence, "ordered": ordered}
FEWEST_WINDOWS = 4
LEAST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Wobble:
    """How much windows of the reference differ beyond chance: the excess of a distance for each row of a window.

    ``windows`` is on how many windows it was told (0: not told).
    """

    divergence: float = 0.0
    ordered: float = 0.0
    windows: int = 0

    def of(self, distance: str) -> float:
        """The excess for each row, of a distance by its name."""
        return self.ordered if distance == "ordered" else self.divergence


@dataclass(frozen=True, slots=True)
class Usual:
    """What a distance is where nothing has changed: mean and variance over the resampled windows."""

    mean: float
    variance: float


def wobble(windows: Counts) -> Wobble:
    """Told of the counts of a reference's own windows, int[K, B]: each against all the others."""
    counts = np.asarray(windows, dtype=np.float64)
    if not counts.size:
        return Wobble()
    counts = counts[counts.sum(axis=1) >= LEAST_ROWS]
    if len(counts) < FEWEST_WINDOWS or counts.shape[1] < 2:
        return Wobble()
    total, found = counts.sum(axis=0), {}
    for name, distance in DISTANCES.items():
        excess = [
            (float(distance(one, total - one)) - usual(name, one.sum(), total).mean) / one.sum() for one in counts
        ]
        found[name] = max(0.0, float(np.mean(excess)))
    return Wobble(found["divergence"], found["ordered"], len(counts))


def chance(name: str, value: float, rows: float, reference: Floats, own: Wobble | None = None) -> float:
    """The chance of a distance this large or larger between a window of ``rows`` and the reference's counts.

    Two ways to be unlucky, and the worse one counts. The draw: a gamma distribution with the mean and variance of the
    resampled distances. The window: it may differ as those of the reference do among themselves; its excess along one
    direction, which is where a wobble is most misleading, against theirs is Student's, with fewer degrees of freedom
    the fewer windows told and the more they matter (Welch and Satterthwaite).
    """
    expected = usual(name, rows, reference)
    if own is None or not own.windows:
        return gamma_tail(value, expected.mean, expected.variance)
    return unlucky(value, expected, rows * own.of(name), own.windows)


def unlucky(value: float, expected: Usual, excess: float, windows: int) -> float:
    """The chance of a statistic this large, by the draw or by the window; the worse of the two.

    ``expected`` is what the draw alone makes of it, ``excess`` how much more the reference's own windows have on the
    average, and ``windows`` how many of them told so.
    """
    drawn = gamma_tail(value, expected.mean, expected.variance)
    if excess <= 0 or windows < 1:
        return drawn
    rest = max(0.0, expected.mean - 1.0)
    freedom = (1 + excess) ** 2 / (excess**2 / windows)
    away = math.sqrt(max(0.0, value - rest) / (1 + excess) / (1 + 1 / windows))
    return max(drawn, min(1.0, 2 * student_tail(away, freedom)))


def usual(name: str, rows: float, reference: Floats) -> Usual:
    """What chance alone makes of a distance, by resampling at this size of window.

    Columns whose bins are as full as another's (quantile bins of continuous values) share what was resampled.
    """
    known = float(np.sum(reference))
    if known <= 0 or len(reference) < 2:
        return Usual(0.0, 0.0)
    shares = tuple(round(float(share), DIGITS) for share in np.asarray(reference) / known)
    return _resampled(name, _grained(rows), _grained(known), tuple(sorted(shares)) if name == "divergence" else shares)


def _grained(rows: float) -> int:
    grain = 1 + GRAIN
    return round(grain ** round(math.log(max(float(rows), 1.0)) / math.log(grain)))


@lru_cache(maxsize=20_000)
def _resampled(name: str, rows: int, known: int, shares: tuple[float, ...]) -> Usual:
    """Windows drawn from the bins of the reference at their real size."""
    random = np.random.default_rng(SEED)
    filled = np.asarray(shares) / sum(shares) * known + HALF_COUNT  # what was never seen may come all the same
    share = filled / filled.sum()
    drawn = random.multinomial(rows, share, size=DRAWS).astype(np.float64)
    found = DISTANCES[name](drawn, share * known)
    # The reference is a draw as well. Its own chance enters like that of more rows, so that one pass suffices: a
    # window of n beside m differs from the bins themselves by 1/n, and from the reference by 1/n + 1/m.
    wider = 1 + rows / known
    return Usual(max(LEAST_MEAN, float(found.mean()) * wider), max(LEAST_VARIANCE, float(found.var()) * wider**2))
