"""How many guests will come: one model for all restaurants, which looks at each one's own past.

Every input of a day is known HORIZON days before it, so that one model answers for the whole horizon at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

HORIZON, WEEK = 14, 7
INPUTS = ("weekday", "holiday", "lag_14", "lag_21", "mean_28", "weekday_mean_8", "weekday_mean_16")
LEVEL = 5
"""The place of the input that says most of how large a restaurant is."""
Table = NDArray[np.float64]


def load(window: Any) -> pa.Table:
    """One row a restaurant and open day: its guests, and what was known 14 days before."""
    return with_past(pq.read_table(window.history))


def with_past(visits: pa.Table) -> pa.Table:
    """Visits (item, time, holiday, label) with their inputs. Days to be forecast have no label yet."""
    items, row = np.unique(np.array(visits["item"].to_pylist()), return_inverse=True)
    day = visits["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // 86_400_000_000
    column = (day - day.min()).astype(np.int64)
    known = np.full((len(items), int(column.max()) + 1), np.nan)
    known[row, column] = visits["label"].to_numpy(zero_copy_only=False).astype(np.float64)
    past = {
        "lag_14": _back(known, HORIZON),
        "lag_21": _back(known, HORIZON + WEEK),
        "mean_28": _mean([_back(known, HORIZON + back) for back in range(28)]),
        "weekday_mean_8": _mean([_back(known, HORIZON + WEEK * back) for back in range(8)]),
        "weekday_mean_16": _mean([_back(known, HORIZON + WEEK * back) for back in range(16)]),
    }
    found = visits.append_column("weekday", pa.array((day + 3) % WEEK))
    for name, table in past.items():
        found = found.append_column(name, pa.array(table[row, column], from_pandas=True))
    return found


def train(frame: pa.Table) -> Any:
    """Boosted trees over all restaurants; the absolute error is what WAPE counts. Days without a past teach nothing."""
    from lightgbm import LGBMRegressor

    rows = np.column_stack([frame[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in INPUTS])
    label = frame["label"].to_numpy().astype(np.float64)
    has_past = np.isfinite(rows[:, LEVEL])
    model = LGBMRegressor(
        objective="l1", n_estimators=300, num_leaves=31, learning_rate=0.05, min_child_samples=50, n_jobs=1, verbose=-1,
        random_state=7,
    )  # fmt: skip
    return model.fit(rows[has_past], label[has_past])


def _back(known: Table, days: int) -> Table:
    """The value so many days before."""
    found = np.full(known.shape, np.nan)
    if days < known.shape[1]:
        found[:, days:] = known[:, :-days]
    return found


def _mean(tables: list[Table]) -> Table:
    """The mean of what is known."""
    total, count = np.zeros(tables[0].shape), np.zeros(tables[0].shape)
    for table in tables:
        total += np.nan_to_num(table)
        count += np.isfinite(table)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
