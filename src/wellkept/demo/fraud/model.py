"""The fraud model's project: how its training data are loaded, and how it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

INPUTS = (
    "amount",
    "card_present",
    "terminal_age_days",
    "spend_24h",
    "tx_count_24h",
    "amount_vs_usual",
    "terminal_tx_24h",
    "terminal_risk_7d",
)
LABEL = "is_fraud"
HALF_LIFE_S = 100.0
"""What happened this much earlier counts half: five days of the shop."""


def load(window: Any) -> pa.Table:
    """The window's history, and the logged predictions whose truth is known."""
    moment = pa.timestamp("ms", tz="UTC")
    past = pq.read_table(window.history)
    past = past.filter(pc.field("time") >= pa.scalar(window.start, moment))
    logged = window.predictions().filter(pc.field("label").is_valid())
    served = pa.table(
        {
            "time": logged["time"].cast(moment),
            **{name: logged[name] for name in INPUTS},
            LABEL: logged["label"].cast(pa.float64()),
        }
    )
    return pa.concat_tables([past.select(served.column_names), served])


def train(frame: pa.Table) -> Any:
    """A small boosted forest; recent rows count more, since fraud does not stay as it was."""
    from lightgbm import LGBMClassifier

    rows = np.column_stack([frame[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in INPUTS])
    seconds = frame["time"].cast(pa.int64()).to_numpy() / 1e3
    weights = np.exp2((seconds - seconds.max()) / HALF_LIFE_S)
    model = LGBMClassifier(
        n_estimators=80, num_leaves=15, min_child_samples=5, learning_rate=0.1, n_jobs=1, verbose=-1, random_state=7
    )
    return model.fit(rows, frame[LABEL].to_numpy(), sample_weight=weights / weights.mean())
