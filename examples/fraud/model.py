"""Is a card payment fraud: what a card and a terminal did before, as it was known at the moment of the payment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

DAYS = (1, 7, 30)
INPUTS = (
    "amount",
    "weekend",
    "night",
    *(f"card_{what}_{days}d" for days in DAYS for what in ("count", "mean")),
    *(f"terminal_{what}_{days}d" for days in DAYS for what in ("count", "risk")),
)
CHECKED_A_DAY = 100


def train(frame: pa.Table) -> Any:
    """Boosted trees; the more frauds there were at a terminal in a week, the less safe it is, whatever few rows say."""
    from lightgbm import LGBMClassifier

    rows = np.column_stack([frame[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in INPUTS])
    model = LGBMClassifier(
        n_estimators=120,
        num_leaves=15,
        learning_rate=0.06,
        min_child_samples=20,
        monotone_constraints=[int(name == "terminal_risk_7d") for name in INPUTS],
        n_jobs=1,
        verbose=-1,
        random_state=7,
    )
    return model.fit(rows, frame["label"].to_numpy())


def metrics(frame: pa.Table) -> dict[str, float]:
    """Card precision: of the cards that would be checked each day, how many had a fraud that day."""
    day = frame["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // 86_400_000_000
    card, label, score = (frame[name].to_numpy() for name in ("card", "label", "score"))
    shares = []
    for one in np.unique(day):
        rows = np.flatnonzero(day == one)
        cards, code = np.unique(card[rows], return_inverse=True)
        highest, is_fraud = np.full(len(cards), -1.0), np.zeros(len(cards))
        np.maximum.at(highest, code, score[rows])
        np.maximum.at(is_fraud, code, label[rows])
        shares.append(is_fraud[np.argsort(-highest)[:CHECKED_A_DAY]].mean())
    return {"card_precision_100": float(np.mean(shares))}
