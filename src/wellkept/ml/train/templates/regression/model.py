"""How long a delivery takes: how the rows are loaded, what the model sees of them, how it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

INPUTS = ("distance_km", "items", "rain", "hour")
COLUMNS = ("distance_km", "items", "rain", "is_rush_hour")
MOMENT = pa.timestamp("us", tz="UTC")
RUSH_HOURS = pa.array([8.0, 9.0, 17.0, 18.0, 19.0])


def load(window: Any) -> pa.Table:
    """Rows whose truth is known: those of the file, and those that this model has answered since."""
    past = pq.read_table(window.history)
    answered = window.predictions()
    answered = answered.filter(pc.is_valid(answered["label"]))
    return pa.concat_tables([_plain(past), _plain(answered)])


def features(frame: pa.Table) -> pa.Table:
    """What the model sees of each row. The same code runs in training and behind every request."""
    return frame.append_column("is_rush_hour", pc.is_in(frame["hour"], RUSH_HOURS).cast(pa.float64()))


def train(frame: pa.Table) -> Any:
    """A fitted estimator: LightGBM, XGBoost, scikit-learn, or any object with predict(rows)."""
    from sklearn.ensemble import RandomForestRegressor

    rows = np.column_stack([frame[name].to_numpy(zero_copy_only=False) for name in COLUMNS])
    model = RandomForestRegressor(n_estimators=40, min_samples_leaf=10, random_state=7)
    return model.fit(rows, frame["label"].to_numpy())


def _plain(table: pa.Table) -> pa.Table:
    """The columns that both sources have, in the same types."""
    numbers = {name: table[name].cast(pa.float64()) for name in (*INPUTS, "label")}
    return pa.table({"time": table["time"].cast(MOMENT), **numbers})
