"""The rows of the example: ``transactions.parquet`` of a folder, or payments that are made up from a seed.

Features are counted as they were known at the moment of the payment: a card's payments up to this one, and of a
terminal only frauds that were known by then, a week after they happened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

START = datetime(2025, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", tz="UTC")
DAY, DELAY, DAYS = 86_400.0, 7 * 86_400.0, (1, 7, 30)
NEWEST = 42 * DAY
"""What is trained and judged on, and a week whose frauds are not known yet; the days before only feed the features."""
Floats = NDArray[np.float64]


def prepare(project: Path, data: Path | None, seed: int = 19) -> None:
    """Write the three sources of the contract: payments, and what was known of cards and terminals from when on."""
    found = with_features(from_folder(data) if data else made_up(seed))
    by_payment = ("time", "card", "terminal", "amount", "weekend", "night", "label")
    pq.write_table(found.select(by_payment), project / "payments.parquet")
    for key in ("card", "terminal"):
        known = [name for name in found.column_names if name.startswith(f"{key}_")]
        pq.write_table(found.select(["time", key, *known]), project / f"{key}s.parquet")


def from_folder(data: Path) -> pa.Table:
    """``transactions.parquet`` (time, customer_id, terminal_id, amount_cents, fraud)."""
    table = pq.read_table(data / "transactions.parquet").sort_by("time")
    return pa.table(
        {
            "time": table["time"].cast(MOMENT),
            "card": table["customer_id"].cast(pa.int64()),
            "terminal": table["terminal_id"].cast(pa.int64()),
            "amount": np.asarray(table["amount_cents"].to_numpy() / 100.0),
            "label": table["fraud"].cast(pa.float64()),
        }
    )


def with_features(payments: pa.Table, newest: float = NEWEST) -> pa.Table:
    """The payments of the ``newest`` seconds, each with what was known of its card and its terminal."""
    second = payments["time"].cast(pa.int64()).to_numpy() / 1e6
    card, terminal, amount, label = (payments[name].to_numpy() for name in ("card", "terminal", "amount", "label"))
    found = payments.append_column("weekend", pa.array((second // DAY + 3) % 7 >= 5))
    found = found.append_column("night", pa.array(second % DAY < 6 * 3600))
    for days in DAYS:
        count, total = _window(card, second, amount, 0.0, days * DAY)
        known, frauds = _window(terminal, second, label, DELAY, days * DAY)
        made = {
            f"card_count_{days}d": count,
            f"card_mean_{days}d": total / np.maximum(count, 1),
            f"terminal_count_{days}d": known,
            f"terminal_risk_{days}d": frauds / np.maximum(known, 1),
        }
        for name, values in made.items():
            found = found.append_column(name, pa.array(values))
    return found.filter(pa.array(second > second.max() - newest))


def _window(key: NDArray[np.int64], second: Floats, value: Floats, lag: float, width: float) -> tuple[Floats, Floats]:
    """How many rows of the same key lie in ``(t - lag - width, t - lag]``, and the sum of their values."""
    span = second.max() - second.min() + lag + width + 1
    code = np.unique(key, return_inverse=True)[1]
    line = code * (2 * span) + (second - second.min())  # keys one behind the other, too far apart to meet
    order = np.argsort(line, kind="stable")
    ranked, sums = line[order], np.r_[0.0, np.cumsum(value[order])]
    end = np.searchsorted(ranked, line - lag, side="right")
    begin = np.minimum(np.searchsorted(ranked, line - lag - width, side="right"), end)
    return (end - begin).astype(np.float64), np.asarray(sums[end] - sums[begin])


def made_up(seed: int, cards: int = 600, terminals: int = 800, days: int = 75) -> pa.Table:
    """Payments of cards near their owners. Frauds: great amounts, terminals that copy cards, cards that were copied."""
    random = np.random.default_rng(seed)
    home, place = random.random((cards, 2)), random.random((terminals, 2))
    near = [np.flatnonzero(((place - spot) ** 2).sum(axis=1) < 0.02) for spot in home]
    usual, often = random.uniform(5, 100, cards), random.uniform(0.5, 4, cards)
    per_day = random.poisson(often, (days, cards))
    day, card = np.repeat(np.indices(per_day.shape).reshape(2, -1), per_day.ravel(), axis=1)
    second = day * DAY + np.clip(random.normal(DAY / 2, DAY / 5, len(day)), 0, DAY - 1)
    terminal = np.array([random.choice(near[one]) if len(near[one]) else random.integers(terminals) for one in card])
    amount = np.abs(random.normal(usual[card], usual[card] / 2)) + 1
    label = np.zeros(len(day))
    label[amount > 220] = 1
    for one in range(days):
        for copied in random.choice(terminals, 1, replace=False):
            label[(terminal == copied) & (day >= one) & (day < one + 14)] = 1
        for copied in random.choice(cards, 1, replace=False):
            mine = np.flatnonzero((card == copied) & (day >= one) & (day < one + 10))
            taken = mine[random.random(len(mine)) < 0.33]
            amount[taken] *= 5
            label[taken] = 1
    order = np.argsort(second, kind="stable")
    micros = (START.timestamp() * 1e6 + second[order] * 1e6).astype(np.int64)
    columns = {"card": card, "terminal": terminal, "amount": amount, "label": label}
    return pa.table({"time": pa.array(micros, MOMENT), **{name: values[order] for name, values in columns.items()}})
