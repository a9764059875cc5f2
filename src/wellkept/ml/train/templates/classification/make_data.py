"""Rows to begin with: customers of a year, made up from a seed. Put your own history.parquet in their place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2025, 1, 1, tzinfo=UTC)


def rows(count: int = 4000, seed: int = 1) -> pa.Table:
    """Customers with their truth: who pays much, calls often and has no contract leaves sooner."""
    random = np.random.default_rng(seed)
    tenure = random.exponential(24, count).round()
    spend = random.gamma(4, 15, count)
    calls = random.poisson(1.2, count).astype(np.float64)
    contract = random.random(count) < 0.55
    leaning = -1.4 + 0.9 * (calls - 1.2) - 0.05 * tenure + 0.025 * (spend - 60) - 1.2 * contract
    label = random.random(count) < 1 / (1 + np.exp(-leaning))
    calls[random.random(count) < 0.03] = np.nan
    seconds = np.sort(random.uniform(0, 365 * 86_400, count))
    micros = (START.timestamp() * 1e6 + seconds * 1e6).astype(np.int64)
    return pa.table(
        {
            "time": pa.array(micros, pa.timestamp("us", tz="UTC")),
            "tenure_months": tenure,
            "monthly_spend": spend,
            "support_calls": pa.array(calls, from_pandas=True),
            "on_contract": contract,
            "label": label.astype(np.float64),
        }
    )


def write(folder: Path) -> None:
    """Put ``history.parquet`` into a folder."""
    pq.write_table(rows(), folder / "history.parquet")


if __name__ == "__main__":
    write(Path(__file__).parent)
