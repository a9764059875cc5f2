"""The shop's history: the same world, run ahead, with the features that were served and the labels that came."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.demo.world.memory import NAMES, Memory
from wellkept.demo.world.purchases import DAY_S, Purchases
from wellkept.demo.world.world import World

HISTORY_DAYS = 30.0
LABEL_DELAY_S = 5.0
"""Seconds until a chargeback, or that there is none, becomes known: a quarter of a day of the shop."""
LOST = 0.005
"""Share of the purchases for which the features did not come in time, on an ordinary day."""


def make_history(seed: int, end: float) -> tuple[World, Purchases]:
    """The world at ``end``, and the month before it."""
    world = World(seed, end - HISTORY_DAYS * DAY_S)
    return world, world.purchases(end)


def rows_of(purchases: Purchases, seed: int) -> pa.Table:
    """The training rows of a history: time, the model's inputs, and the label.

    The features are those that the service would have answered with at that moment, chargebacks that were not known
    yet left out.
    """
    memory = Memory()
    lost = np.random.default_rng(seed).random(len(purchases)) < LOST
    columns: dict[str, list[Any]] = {name: [] for name in NAMES}
    known: list[tuple[float, int]] = []
    p = purchases
    for index in range(len(p)):
        at, card, terminal = float(p.at[index]), int(p.card[index]), int(p.terminal[index])
        amount = float(p.amount[index])
        while known and known[0][0] <= at:
            moment, where = heapq.heappop(known)
            memory.charge_back(where, moment)
        found = memory.features(card, terminal, amount, at)
        memory.remember(card, terminal, amount, at)
        if p.fraud[index]:
            heapq.heappush(known, (at + LABEL_DELAY_S, terminal))
        for name in NAMES:
            columns[name].append(None if lost[index] else found[name])
    times = [datetime.fromtimestamp(float(at), UTC) for at in p.at]
    return pa.table(
        {
            "time": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "amount": p.amount,
            "card_present": p.card_present.astype(np.float64),
            "terminal_age_days": p.terminal_age_days,
            **{name: pa.array(values, pa.float64()) for name, values in columns.items()},
            "is_fraud": p.fraud.astype(np.float64),
        }
    )


def write_history(table: pa.Table, path: Path) -> None:
    """Put a history where the model project finds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")
