"""Rows to begin with: a year of sales of 40 articles, made up. Put your own history.parquet in their place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2025, 1, 1, tzinfo=UTC)


def rows(items: int = 40, days: int = 364, seed: int = 3) -> pa.Table:
    """Sales by article and day: a level that wanders, a week, a year, promotions."""
    random = np.random.default_rng(seed)
    day = np.arange(days)
    week = random.gamma(6, 1 / 6, (items, 7))[:, (day + 3) % 7]
    level = random.gamma(2, 12, (items, 1)) * np.exp(np.cumsum(random.normal(0, 0.015, (items, days)), axis=1))
    year = 1 + 0.2 * np.sin(2 * np.pi * (day / 365 + random.random((items, 1))))
    promotion = random.random((items, days)) < 0.06
    sold = random.poisson(level * week * year * np.where(promotion, 1.8, 1.0))
    micros = (START.timestamp() * 1e6 + day * 86_400e6).astype(np.int64)
    return pa.table(
        {
            "item": np.repeat([f"article-{number:02}" for number in range(items)], days),
            "time": pa.array(np.tile(micros, items), pa.timestamp("us", tz="UTC")),
            "promotion": promotion.ravel(),
            "label": sold.ravel().astype(np.float64),
        }
    )


def write(folder: Path) -> None:
    """Put ``history.parquet`` into a folder."""
    pq.write_table(rows(), folder / "history.parquet")


if __name__ == "__main__":
    write(Path(__file__).parent)
