"""Rows to begin with: what 400 customers looked at, made up. Put your own history.parquet in their place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2025, 1, 1, tzinfo=UTC)


def rows(users: int = 400, items: int = 300, seed: int = 4) -> pa.Table:
    """Choices by taste: everybody likes a few of twelve kinds of articles, and some articles are liked by all."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 12, items)
    liked = random.gamma(1.0, 1.0, items)
    taste = random.dirichlet(np.full(12, 0.15), users)
    user, item, second = [], [], []
    for number in range(users):
        weight = (taste[number][kind] + 0.01) * liked
        count = int(random.integers(8, 40))
        user += [number] * count
        item += list(random.choice(items, count, replace=False, p=weight / weight.sum()))
        second += list(np.sort(random.uniform(0, 90 * 86_400, count)))
    order = np.argsort(second, kind="stable")
    micros = (START.timestamp() * 1e6 + np.array(second)[order] * 1e6).astype(np.int64)
    return pa.table(
        {
            "user": np.array(user, dtype=np.int64)[order],
            "item": np.array(item, dtype=np.int64)[order],
            "time": pa.array(micros, pa.timestamp("us", tz="UTC")),
            "label": np.ones(len(order)),
        }
    )


def write(folder: Path) -> None:
    """Put ``history.parquet`` into a folder."""
    pq.write_table(rows(), folder / "history.parquet")


if __name__ == "__main__":
    write(Path(__file__).parent)
