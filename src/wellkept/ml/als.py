"""Implicit feedback into vectors: weighted alternating least squares.

After Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (2008): what was chosen counts 1
with a confidence of ``1 + alpha``, what was not counts 0 with a confidence of 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.factors import Factors

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


def implicit_factors(
    user: Ids, item: Ids, *, size: int = 32, rounds: int = 12, alpha: float = 10.0, penalty: float = 5.0, seed: int = 7
) -> Factors:
    """Vectors for the users and items of parallel arrays of choices; a choice that is there twice counts once.

    Strangers get the items by how often they were chosen, scaled so that popularity never outweighs a vector.
    """
    pairs = np.unique(np.column_stack([user, item]).astype(np.int64), axis=0)
    users, row = np.unique(pairs[:, 0], return_inverse=True)
    items, column = np.unique(pairs[:, 1], return_inverse=True)
    random = np.random.default_rng(seed)
    of_items = random.normal(0, 0.1, (len(items), size))
    of_users = np.zeros((len(users), size))
    by_user, by_item = _lists(row, column, len(users)), _lists(column, row, len(items))
    for _ in range(rounds):
        of_users = _solved(of_items, by_user, alpha, penalty)
        of_items = _solved(of_users, by_item, alpha, penalty)
    counts = np.bincount(column, minlength=len(items)).astype(np.float64)
    return Factors(users, items, of_users, of_items, 1e-3 * counts / counts.max())


def _solved(fixed: Floats, chosen: list[Ids], alpha: float, penalty: float) -> Floats:
    """The vectors of one side, the other's fixed: a small linear system each."""
    shared = fixed.T @ fixed + penalty * np.eye(fixed.shape[1])
    found = np.empty((len(chosen), fixed.shape[1]))
    for index, others in enumerate(chosen):
        mine = fixed[others]
        found[index] = np.linalg.solve(shared + alpha * mine.T @ mine, (1 + alpha) * mine.sum(axis=0))
    return found


def _lists(side: Ids, other: Ids, count: int) -> list[Ids]:
    order = np.argsort(side, kind="stable")
    return np.split(other[order], np.cumsum(np.bincount(side, minlength=count))[:-1])
