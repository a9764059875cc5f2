"""How the columns hang together: reconstruction by principal components, and a classifier of now against then.

Both work on numbers that stand for ranks (each column's bins as normal values), and keep sums alone: no row of the
training data is stored with a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.drift.calibrate import FEWEST_WINDOWS, LEAST_ROWS, Usual, unlucky

Floats = NDArray[np.float64]
KEPT = 0.65
"""The share of the variance that the components keep; what is left is the error. NannyML keeps as much."""
MOST_COMPONENTS = 12
RIDGE = 0.02


@dataclass(frozen=True, slots=True)
class Joint:
    """``columns`` in their order, ``components`` [k, f].

    Mean and covariance are of the classifier's terms (the columns, and the squares of the components), ``error`` and
    its variance of a row's reconstruction error. ``*_wobble``: by how much the reference's own ``windows`` exceed
    chance, for each row.
    """

    columns: tuple[str, ...]
    components: tuple[tuple[float, ...], ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    error: float
    error_variance: float
    rows: int
    apart_wobble: float = 0.0
    error_wobble: float = 0.0
    windows: int = 0


@dataclass(frozen=True, slots=True)
class Apart:
    """What a sample of rows says beside a joint reference.

    ``auc`` is how well a linear classifier tells rows of now from those of then (0.5: not at all); ``error`` the mean
    reconstruction error over the usual one. ``weights`` is each column's share in telling them apart, ``off`` its share
    in what the error has changed by.
    """

    auc: float
    auc_chance: float
    error: float
    error_chance: float
    rows: int
    weights: Mapping[str, float]
    off: Mapping[str, float]


def rank_values(counts: Floats) -> Floats:
    """For each bin the normal value of its middle rank, scaled to a variance of 1 in the reference."""
    total = float(counts.sum())
    if total <= 0:
        return np.zeros(len(counts))
    middle = (np.cumsum(counts) - counts / 2 + 0.5) / (total + 1)
    normal = NormalDist()
    values = np.asarray([normal.inv_cdf(float(share)) for share in middle])
    values -= float(values @ counts) / total
    spread = float(values**2 @ counts) / total
    return np.asarray(values / spread**0.5 if spread > 1e-9 else np.zeros(len(counts)), dtype=np.float64)


def joint(rows: Floats, columns: Sequence[str], windows: NDArray[np.int64] | None = None) -> Joint | None:
    """Of float64[n, f] rank values; ``windows`` says to which of its own windows a row belongs (-1: none).

    None of fewer than two columns, or of too few rows to tell a covariance by.
    """
    count, width = rows.shape
    if width < 2 or count < max(LEAST_ROWS, 5 * width):
        return None
    value, vector = np.linalg.eigh(np.cov(rows, rowvar=False))
    value, vector = value[::-1], vector[:, ::-1]
    enough = int(np.searchsorted(np.cumsum(value) / value.sum(), KEPT)) + 1
    parts = vector[:, : max(1, min(enough, MOST_COMPONENTS, width - 1))].T
    terms, errors = _terms(rows, parts), _errors(rows, parts)
    found = _of(columns, parts, terms, errors)
    if windows is None:
        return found
    own = [windows == one for one in np.unique(windows[windows >= 0])]
    own = [mine for mine in own if mine.sum() >= LEAST_ROWS]
    if len(own) < FEWEST_WINDOWS:
        return found
    apart, error = [], []
    for mine in own:
        statistic, usual, _ = _apart(found, terms[mine], float(mine.sum()) / count)
        apart.append((statistic - usual) / mine.sum())
        error.append((_error(found, errors[mine], float(mine.sum()) / count) - 1.0) / mine.sum())
    wobble = max(0.0, float(np.mean(apart))), max(0.0, float(np.mean(error)))
    return _of(columns, parts, terms, errors, wobble, len(own))


def apart(reference: Joint, rows: Floats, own: Floats) -> Apart:
    """Judge a sample of rows, float64[n, f]: as rank values in the reference, and among themselves (``own``)."""
    parts = np.asarray(reference.components)
    terms, errors, count = _terms(rows, parts), _errors(own, parts), len(rows)
    statistic, freedom, share = _apart(reference, terms, 0.0)
    distance = max(0.0, statistic - freedom) * (1 / count + 1 / reference.rows)
    moved = _error(reference, errors, 0.0)
    width = len(reference.columns)
    # A component's square is told by the columns that the component is made of.
    by_column = np.abs(share[:width]) + np.abs(share[width:]) @ (parts**2)
    left = np.eye(width) - parts.T @ parts
    usual = np.diag(left @ np.asarray(reference.covariance)[:width, :width] @ left)
    off = np.abs(((own @ left) ** 2).mean(axis=0) - usual)
    return Apart(
        auc=NormalDist().cdf((distance / 2) ** 0.5),
        auc_chance=unlucky(statistic, Usual(freedom, 2 * freedom), count * reference.apart_wobble, reference.windows),
        error=float(errors.mean()) / reference.error if reference.error > 0 else 1.0,
        error_chance=unlucky(moved, Usual(1.0, 2.0), count * reference.error_wobble, reference.windows),
        rows=count,
        weights=_shares(reference.columns, by_column),
        off=_shares(reference.columns, off),
    )


def _shares(columns: Sequence[str], values: Floats) -> dict[str, float]:
    total = float(values.sum()) or 1.0
    return {name: float(value / total) for name, value in zip(columns, values, strict=True)}


def _of(
    columns: Sequence[str],
    parts: Floats,
    terms: Floats,
    errors: Floats,
    wobble: tuple[float, float] = (0.0, 0.0),
    windows: int = 0,
) -> Joint:
    covariance = np.cov(terms, rowvar=False)
    return Joint(
        tuple(columns),
        tuple(tuple(round(float(v), 6) for v in row) for row in parts),
        tuple(round(float(v), 6) for v in terms.mean(axis=0)),
        tuple(tuple(round(float(v), 6) for v in row) for row in covariance),
        float(errors.mean()),
        float(errors.var()),
        len(terms),
        *wobble,
        windows,
    )


def _terms(rows: Floats, parts: Floats) -> Floats:
    """What the classifier looks at: the columns, and the squares of the components."""
    return np.concatenate([rows, (rows @ parts.T) ** 2], axis=1)


def _errors(rows: Floats, parts: Floats) -> Floats:
    left = rows - (rows @ parts.T) @ parts
    return np.asarray((left**2).sum(axis=1), dtype=np.float64)


def _apart(reference: Joint, terms: Floats, within: float) -> tuple[float, float, Floats]:
    """Hotelling's statistic, its degrees of freedom, and the share of each term; ``within``: of the reference itself.

    A window that is a part of the reference has moved its mean along, and is compared with what is left of it.
    """
    count = len(terms)
    covariance = np.asarray(reference.covariance)
    covariance = covariance + RIDGE * np.diag(np.diag(covariance)) + 1e-9 * np.eye(len(covariance))
    moved = (terms.mean(axis=0) - np.asarray(reference.mean)) / max(1e-9, 1.0 - within)
    told = np.linalg.solve(covariance, moved)
    weight = 1 / (1 / count + 1 / (reference.rows * (1.0 - within)))
    return float(weight * moved @ told), float(len(moved)), moved * told


def _error(reference: Joint, errors: Floats, within: float) -> float:
    """The squared difference of the mean error from the reference's, in its standard errors."""
    moved = (float(errors.mean()) - reference.error) / max(1e-9, 1.0 - within)
    variance = reference.error_variance * (1 / len(errors) + 1 / (reference.rows * (1.0 - within)))
    return moved**2 / variance if variance > 0 else 0.0
