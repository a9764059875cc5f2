"""Months of films that are offered and chosen or not, for ``wellkept simulate recommendations``."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from prepare import MOMENT

HISTORY_DAYS = 90
"""Known before the model goes live."""
A_DAY = 900
"""So many films are offered each day."""
USERS, ITEMS, KINDS = 500, 400, 15
CHOSEN = 0.16
"""The share of the offers that is taken."""
DAY_S = 86_400.0


def world(start: datetime, days: int, seed: int, change: float | None) -> pa.Table:
    """Offers of ``days`` days from ``start`` on; ``change`` days after it many want other kinds of films.

    Columns: ``time``, ``known_at``, ``key`` (who was offered something), the inputs, and ``label`` (1: it was chosen).
    """
    random = np.random.default_rng(seed)
    kind, liked = random.integers(0, KINDS, ITEMS), random.gamma(1.0, 1.0, ITEMS)
    taste = random.dirichlet(np.full(KINDS, 0.15), USERS)
    count = A_DAY * days
    day = np.sort(random.uniform(0, days, count))
    user, item = random.integers(0, USERS, count), random.integers(0, ITEMS, count)
    wanted = (taste[user, kind[item]] + 0.01) * liked[item]
    if change is not None:
        other, later = np.roll(taste, 1, axis=1), day >= change
        wanted[later] = ((other[user, kind[item]] + 0.01) * random.permutation(liked)[item])[later]
    chance = np.minimum(1.0, wanted / wanted.mean() * CHOSEN)
    label = (random.random(count) < chance).astype(np.float64)
    new = _first_choices(user * ITEMS + item, label)
    second = start.timestamp() + day * DAY_S
    return pa.table(
        {
            "time": _moments(second),
            "known_at": _moments(second + 60),
            "key": [f"user-{one}" for one in user.tolist()],
            "user": user,
            "item": item,
            "label": label,
        }
    ).filter(pa.array(new))


def _first_choices(pair: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The offers before and at the first choice of a pair: what was watched is not offered again."""
    order = np.argsort(pair, kind="stable")
    chosen = np.cumsum(label[order]) - label[order]
    begins = np.r_[True, np.diff(pair[order]) != 0]
    base = np.maximum.accumulate(np.where(begins, chosen, 0))
    keep = np.empty(len(pair), dtype=bool)
    keep[order] = chosen - base == 0
    return keep


def _moments(second: np.ndarray) -> pa.Array:
    return pa.array((second * 1e6).astype(np.int64), MOMENT)
