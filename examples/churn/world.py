"""Months of customers with their truth, for ``wellkept simulate churn``."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from prepare import EXTRAS, inputs, made_up

HISTORY_DAYS = 90
"""Known before the model goes live, but for the newest, who may still leave."""
A_DAY = 150
"""So many customers are looked at each day."""
DEARER = 1.2
MOMENT = pa.timestamp("us", tz="UTC")


def world(start: datetime, days: int, seed: int, change: float | None) -> pa.Table:
    """Customers of ``days`` days from ``start`` on; ``change`` days after it a rival lures away others than before.

    Columns: ``time``, ``key`` (the customer), the inputs, and ``label``.
    """
    random = np.random.default_rng(seed + 1)
    count = A_DAY * days
    day = np.sort(random.uniform(0, days, count))
    customers = made_up(seed, count)
    if change is not None:
        customers = _lured(customers, day >= change, random)
    found = inputs(customers)
    micros = ((start.timestamp() + day * 86_400) * 1e6).astype(np.int64)
    found = found.rename_columns([name if name != "churn" else "label" for name in found.column_names])
    keys = pa.array([f"customer-{number}" for number in range(count)])
    return found.append_column("time", pa.array(micros, MOMENT)).append_column("key", keys)


def _lured(customers: pa.Table, later: np.ndarray, random: np.random.Generator) -> pa.Table:
    """Bills name tax, too, and a rival lures whom no contract binds: old and good customers leave, new ones stay."""

    def one(name: str) -> np.ndarray:
        return np.asarray(customers[name].to_pylist())

    extras = np.sum([one(name) == "Yes" for name in EXTRAS], axis=0)
    leaning = -0.6 + 0.04 * (one("tenure") - 30) - 1.2 * (one("contract") != "Month-to-month") + 0.3 * (extras - 2)
    leaves = random.random(len(later)) < 1 / (1 + np.exp(-leaning))
    churn = np.where(later, leaves, customers["churn"].to_numpy()).astype(np.int64)
    customers = customers.set_column(customers.column_names.index("churn"), "churn", pa.array(churn))
    for name in ("monthly_charges", "total_charges"):
        billed = np.where(later, DEARER, 1.0) * customers[name].to_numpy(zero_copy_only=False).astype(np.float64)
        customers = customers.set_column(customers.column_names.index(name), name, pa.array(billed, from_pandas=True))
    return customers
