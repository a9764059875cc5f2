"""Held-out rows that are too near to others to be of their own: copies with a little noise, and interpolated rows.

Copies: of a row's nearest neighbours in training, the first is at distance r1 and the second at r2. In data of d
dimensions (r1 / r2)^d is uniform between 0 and 1, wherever the rows lie densely enough (Facco et al., "Estimating the
intrinsic dimension of datasets by a minimal neighborhood information", 2017). A row for which it is nearly 0 has one
neighbour that is much too near. The dimension is told by the second and the third neighbour, which a copy leaves alone.
Rows are compared within the same values of those columns that have few. Where a column of more values is the same in
both rows (counts, ages, what is known of a shop), they can only be near by chance along the others: the dimension is at
most the number of columns in which the two differ.

Interpolated rows: SMOTE (Chawla et al., 2002) puts new rows on the straight line between two rows of a class. Three
rows of data that were measured do not lie on a line, unless few columns differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_ROWS, MOST_OTHERS, BLOCK = 1000, 20_000, 200
FEW_VALUES = 20
CHANCE = 1e-4
"""A copy is a row whose (r1 / r2)^d is less; by chance one row in ten thousand."""
NEIGHBOURS = 20
STRAIGHT = 1e-9
"""The squared sine below which two directions are one."""
LEAST_COLUMNS = 3

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.int64]


def near_copies(older: Floats, newer: Floats, old_kind: Floats, new_kind: Floats) -> Mask:
    """Of each held-out row, whether a training row is nearly the same. At most :data:`MOST_ROWS` are looked at, evenly.

    ``..._kind`` are the classes; neighbours are of the same one.
    """
    found = np.zeros(len(newer), dtype=np.bool_)
    rows, others = looked_at(len(newer)), _even(len(older), MOST_OTHERS)
    wide = _columns(older[others], few=False)
    if len(wide) < 2 or not len(newer):
        return found
    narrow = _columns(older[others], few=True)
    old_cells = np.column_stack([older[others][:, narrow], old_kind[others]])
    new_cells = np.column_stack([newer[rows][:, narrow], new_kind[rows]])
    known = np.nan_to_num(np.vstack([old_cells, new_cells]), nan=-1e300)
    cells = np.unique(known, axis=0, return_inverse=True)[1].reshape(-1)
    left, right = _scaled(older[others][:, wide], newer[rows][:, wide])
    (first, second, third), differing = _three_nearest(left, right, cells[: len(others)], cells[len(others) :])
    usable = np.isfinite(third) & (first > 0)
    if usable.sum() < NEIGHBOURS:
        return found
    # (r2 / r3)^d is the larger of two uniform numbers, whose median is the root of a half.
    dimension = np.log(2) / 2 / max(float(np.median(np.log(third[usable] / second[usable]))), 1e-9)
    free = np.minimum(dimension, differing[usable])
    found[rows[usable]] = free * np.log(first[usable] / second[usable]) < np.log(CHANCE)
    return found


def made_of_others(older: Floats, newer: Floats, old_kind: Floats, new_kind: Floats) -> Mask:
    """Of each held-out row, whether it lies on a straight line with two of its neighbours, of either side.

    A line counts when at least :data:`LEAST_COLUMNS` columns change along it.
    """
    found = np.zeros(len(newer), dtype=np.bool_)
    if older.shape[1] < LEAST_COLUMNS or not len(newer):
        return found
    rows = looked_at(len(newer))
    others, beside = _even(len(older), MOST_OTHERS), _even(len(newer), MOST_OTHERS)
    pool, own = _scaled(np.vstack([older[others], newer[beside]]), newer[rows])
    kinds = np.r_[old_kind[others], new_kind[beside]]
    for kind in np.unique(new_kind[rows]):
        mine, theirs = np.flatnonzero(new_kind[rows] == kind), pool[kinds == kind]
        if len(theirs) <= NEIGHBOURS:
            continue
        for block in np.array_split(mine, max(1, len(mine) // BLOCK)):
            found[rows[block]] = _straight(own[block], theirs)
    return found


def looked_at(count: int) -> Ids:
    """The held-out rows whose neighbours are looked for, of so many."""
    return _even(count, MOST_ROWS)


def _straight(rows: Floats, others: Floats) -> Mask:
    nearest = np.argpartition(_squared(rows, others), NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
    step = others[nearest] - rows[:, None, :]
    moves = np.abs(step) > 1e-9
    size = np.sqrt((step**2).sum(axis=2))
    wanted = moves.sum(axis=2) >= LEAST_COLUMNS
    unit = step / np.where(size > 0, size, 1.0)[:, :, None]
    cosine = unit @ unit.transpose(0, 2, 1)
    pairs = wanted[:, :, None] & wanted[:, None, :] & (1.0 - cosine**2 < STRAIGHT)
    # Two copies of one row are on one line with any third; only different ones tell.
    apart = np.abs(size[:, :, None] - np.sign(cosine) * size[:, None, :]) > 1e-6 * (size[:, :, None] + 1e-12)
    upper = np.triu(np.ones(pairs.shape[1:], dtype=np.bool_), 1)
    return np.asarray((pairs & apart & upper).any(axis=(1, 2)))


def _three_nearest(others: Floats, rows: Floats, cell: Ids, own: Ids) -> tuple[Floats, Ids]:
    """The distances to the first, second and third neighbour of the same cell; infinite without one. And in how many
    columns each row differs from its first.
    """
    found, differing = np.full((3, len(rows)), np.inf), np.zeros(len(rows), dtype=np.int64)
    if len(others) > 3:
        for block in np.array_split(np.arange(len(rows)), max(1, len(rows) // BLOCK)):
            apart = np.where(cell[None, :] == own[block][:, None], _squared(rows[block], others), np.inf)
            nearest = np.argpartition(apart, 3, axis=1)[:, :3]
            step = others[nearest] - rows[block][:, None, :]
            exact = np.sqrt((step**2).sum(axis=2))
            exact = np.where(np.isfinite(np.take_along_axis(apart, nearest, axis=1)), exact, np.inf)
            found[:, block] = np.sort(exact, axis=1).T
            differing[block] = (step[np.arange(len(block)), exact.argmin(axis=1)] != 0).sum(axis=1)
    return found, differing


def _squared(rows: Floats, others: Floats) -> Floats:
    found = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :] - 2 * rows @ others.T
    return np.asarray(np.maximum(found, 0.0))


def _columns(rows: Floats, *, few: bool) -> list[int]:
    """The columns that have few values (two at least), or the others."""
    counts = [len(np.unique(rows[:, index][np.isfinite(rows[:, index])])) for index in range(rows.shape[1])]
    return [index for index, count in enumerate(counts) if (2 <= count <= FEW_VALUES if few else count > FEW_VALUES)]


def _scaled(others: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Both in units of the spread of the first; a missing value is in the middle."""
    known = np.isfinite(others)
    count = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, others, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, others - middle, 0.0) ** 2).sum(axis=0) / count)
    spread = np.where(spread > 0, spread, 1.0)
    return _filled((others - middle) / spread), _filled((rows - middle) / spread)


def _filled(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, 0.0)


def _even(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)) if count else np.empty(0, np.int64)
