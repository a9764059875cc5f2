"""The rows of the example: ``visits.parquet`` of a folder, or restaurants that are made up from a seed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

START = datetime(2025, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", tz="UTC")


def prepare(project: Path, data: Path | None, seed: int = 13) -> None:
    """Write ``history.parquet`` into the project."""
    pq.write_table(from_folder(data) if data else made_up(seed), project / "history.parquet")


def from_folder(data: Path) -> pa.Table:
    """``visits.parquet`` (store, date, visitors), and the holidays of ``calendar.parquet`` where there is one."""
    visits = pq.read_table(data / "visits.parquet")
    holidays = pa.array([], pa.date32())
    if (data / "calendar.parquet").exists():
        calendar = pq.read_table(data / "calendar.parquet")
        holidays = calendar.filter(calendar["holiday"])["date"].combine_chunks()
    return pa.table(
        {
            "item": visits["store"].cast(pa.string()),
            "time": visits["date"].cast(MOMENT),
            "holiday": pc.is_in(visits["date"], holidays),
            "label": visits["visitors"].cast(pa.float64()),
        }
    )


def made_up(seed: int, items: int = 40, days: int = 364) -> pa.Table:
    """Guests by restaurant and day: a level that wanders, a week, a year, holidays; each closes on a weekday."""
    random = np.random.default_rng(seed)
    day = np.arange(days)
    week = random.gamma(8, 1 / 8, (items, 7))[:, (day + 3) % 7]
    level = random.gamma(3, 9, (items, 1)) * np.exp(np.cumsum(random.normal(0, 0.012, (items, days)), axis=1))
    year = 1 + 0.15 * np.sin(2 * np.pi * (day / 365 + random.random((items, 1))))
    holiday = random.random(days) < 0.04
    guests = random.poisson(level * week * year * np.where(holiday, 1.5, 1.0))
    is_open = (day + 3) % 7 != random.integers(0, 7, (items, 1))
    row, column = np.nonzero(is_open)
    micros = (START.timestamp() * 1e6 + day * 86_400e6).astype(np.int64)
    return pa.table(
        {
            "item": np.array([f"restaurant-{number:02}" for number in range(items)])[row],
            "time": pa.array(micros[column], MOMENT),
            "holiday": holiday[column],
            "label": guests[row, column].astype(np.float64),
        }
    )
