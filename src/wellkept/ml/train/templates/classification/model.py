"""Who will leave: how the rows are loaded, what the model sees of them, how it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

INPUTS = ("tenure_months", "monthly_spend", "support_calls", "on_contract")
COLUMNS = (*INPUTS, "spend_per_tenure")
MOMENT = pa.timestamp("us", tz="UTC")


def load(window: Any) -> pa.Table:
    """Rows whose truth is known: those of the file, and those that this model has answered since."""
    past = pq.read_table(window.history)
    answered = window.predictions()
    answered = answered.filter(pc.is_valid(answered["label"]))
    return pa.concat_tables([_plain(past), _plain(answered)])


def features(frame: pa.Table) -> pa.Table:
    """What the model sees of each row. The same code runs in training and behind every request."""
    per_tenure = pc.divide(frame["monthly_spend"], pc.add(frame["tenure_months"], 1.0))
    return frame.append_column("spend_per_tenure", per_tenure)


def train(frame: pa.Table) -> Any:
    """A fitted estimator: LightGBM, XGBoost, scikit-learn, or any object with predict(rows)."""
    from lightgbm import LGBMClassifier

    rows = np.column_stack([frame[name].to_numpy(zero_copy_only=False) for name in COLUMNS])
    model = LGBMClassifier(n_estimators=60, num_leaves=8, learning_rate=0.08, n_jobs=1, verbose=-1, random_state=7)
    return model.fit(rows, frame["label"].to_numpy())


def metrics(frame: pa.Table) -> dict[str, float]:
    """Numbers of your own about the held-out rows, which come with their label and score."""
    label, score = frame["label"].to_numpy(), frame["score"].to_numpy()
    top = np.argsort(-score)[: max(1, len(score) // 10)]
    return {"lift_of_top_tenth": float(label[top].mean() / max(label.mean(), 1e-9))}


def _plain(table: pa.Table) -> pa.Table:
    """The columns that both sources have, in the same types."""
    numbers = {name: table[name].cast(pa.float64()) for name in (*INPUTS, "label")}
    return pa.table({"time": table["time"].cast(MOMENT), **numbers})
