"""What will be sold: one model for all articles, which looks at each article's own past.

Every input of a day is known HORIZON days before it, so that one model answers for the whole horizon at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

HORIZON, WEEK = 14, 7
INPUTS = ("weekday", "promotion", "lag_14", "lag_21", "mean_28", "weekday_mean_8")
Table = NDArray[np.float64]


def load(window: Any) -> pa.Table:
    """One row an article and day: the sales, and what was known 14 days before."""
    return with_past(pq.read_table(window.history))


def with_past(sales: pa.Table) -> pa.Table:
    """Sales (item, time, promotion, label) with their inputs; days to be forecast have no label yet."""
    items, row = np.unique(np.array(sales["item"].to_pylist()), return_inverse=True)
    day = sales["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // 86_400_000_000
    first = int(day.min())
    column = (day - first).astype(np.int64)
    known = np.full((len(items), int(column.max()) + 1), np.nan)
    known[row, column] = sales["label"].to_numpy(zero_copy_only=False).astype(np.float64)
    past = {
        "lag_14": _back(known, HORIZON),
        "lag_21": _back(known, HORIZON + WEEK),
        "mean_28": _mean([_back(known, HORIZON + back) for back in range(28)]),
        "weekday_mean_8": _mean([_back(known, HORIZON + WEEK * back) for back in range(8)]),
    }
    found = sales.append_column("weekday", pa.array((day + 3) % WEEK))
    for name, table in past.items():
        found = found.append_column(name, pa.array(table[row, column], from_pandas=True))
    return found


def train(frame: pa.Table) -> Any:
    """Boosted trees over all articles, on each day's share of its article's usual level."""
    from lightgbm import LGBMRegressor

    rows = np.column_stack([frame[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in INPUTS])
    label = frame["label"].to_numpy().astype(np.float64)
    has_past = np.isfinite(rows[:, 2])
    model = LGBMRegressor(
        objective="poisson", n_estimators=200, num_leaves=15, learning_rate=0.05, n_jobs=1, verbose=-1, random_state=7
    )
    return model.fit(rows[has_past], label[has_past])


def _back(known: Table, days: int) -> Table:
    """The value so many days before."""
    found = np.full(known.shape, np.nan)
    if days < known.shape[1]:
        found[:, days:] = known[:, :-days]
    return found


def _mean(tables: list[Table]) -> Table:
    """The mean of what is known."""
    stack = np.stack(tables)
    count = np.isfinite(stack).sum(axis=0)
    return np.where(count > 0, np.nansum(stack, axis=0) / np.maximum(count, 1), np.nan)
