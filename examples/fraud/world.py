"""Months of card payments with their truth, for ``wellkept simulate fraud``."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from prepare import DAY, MOMENT, START, made_up, with_features

HISTORY_DAYS = 49
"""Known before the model goes live."""
WARM_DAYS = 38
"""Only feed the features: a month of a terminal, known a week later."""
TRIED, GONE = 0.02, 0.8
"""The share of payments that try stolen numbers once the frauds have changed, and of the old frauds that end then."""


def world(start: datetime, days: int, seed: int, change: float | None) -> pa.Table:
    """Payments of ``days`` days from ``start`` on; the frauds become others ``change`` days after it.

    Columns: ``time``, ``key`` (the card), the inputs, and ``label``.
    """
    payments = made_up(seed, days=WARM_DAYS + days)
    second = payments["time"].cast(pa.int64()).to_numpy() / 1e6 - START.timestamp()
    amount, label = payments["amount"].to_numpy().copy(), payments["label"].to_numpy().copy()
    if change is not None:
        _others(second, amount, label, (WARM_DAYS + change) * DAY, np.random.default_rng(seed + 1))
    order = np.argsort(second, kind="stable")
    begin = start.timestamp() - WARM_DAYS * DAY
    columns = {
        "time": pa.array(((second[order] + begin) * 1e6).astype(np.int64), MOMENT),
        **{name: payments[name].to_numpy()[order] for name in ("card", "terminal")},
        "amount": amount[order],
        "label": label[order],
    }
    found = with_features(pa.table(columns), days * DAY)
    key = pa.array([f"card-{card}" for card in found["card"].to_pylist()])
    inputs = [name for name in found.column_names if name not in ("time", "card", "terminal", "label")]
    return found.select(["time", *inputs, "label"]).append_column("key", key)


def _others(
    second: np.ndarray, amount: np.ndarray, label: np.ndarray, since: float, random: np.random.Generator
) -> None:
    """Most frauds of the old kinds end; stolen numbers are tried at night, with small amounts."""
    after = second >= since
    label[after & (label > 0) & (amount <= 220) & (random.random(len(label)) < GONE)] = 0
    tried = after & (random.random(len(label)) < TRIED)
    second[tried] = second[tried] // DAY * DAY + random.uniform(0, 5 * 3600, int(tried.sum()))
    amount[tried] = random.uniform(1, 4, int(tried.sum()))
    label[tried] = 1
