"""The rows of the example: ``ratings.parquet`` of a folder, or people with tastes that are made up from a seed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2025, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", tz="UTC")


def prepare(project: Path, data: Path | None, seed: int = 17) -> None:
    """Write ``history.parquet`` into the project."""
    pq.write_table(from_folder(data) if data else made_up(seed), project / "history.parquet")


def from_folder(data: Path) -> pa.Table:
    """``ratings.parquet`` (user_id, item_id, time): whatever was rated was chosen."""
    ratings = pq.read_table(data / "ratings.parquet")
    return pa.table(
        {
            "user": ratings["user_id"].cast(pa.int64()),
            "item": ratings["item_id"].cast(pa.int64()),
            "time": ratings["time"].cast(MOMENT),
            "label": np.ones(ratings.num_rows),
        }
    )


def made_up(seed: int, users: int = 500, items: int = 400) -> pa.Table:
    """Choices by taste: everybody likes a few of fifteen kinds of films, and some films are liked by all."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 15, items)
    liked = random.gamma(1.0, 1.0, items)
    taste = random.dirichlet(np.full(15, 0.15), users)
    user, item, second = [], [], []
    for number in range(users):
        weight = (taste[number][kind] + 0.01) * liked
        count = int(random.integers(8, 50))
        user += [number] * count
        item += list(random.choice(items, count, replace=False, p=weight / weight.sum()))
        second += list(np.sort(random.uniform(0, 90 * 86_400, count)))
    order = np.argsort(second, kind="stable")
    micros = (START.timestamp() * 1e6 + np.array(second)[order] * 1e6).astype(np.int64)
    return pa.table(
        {
            "user": np.array(user, dtype=np.int64)[order],
            "item": np.array(item, dtype=np.int64)[order],
            "time": pa.array(micros, MOMENT),
            "label": np.ones(len(order)),
        }
    )
