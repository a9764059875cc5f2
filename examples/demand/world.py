"""Months of restaurants with their guests, for ``wellkept simulate demand``."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from model import HORIZON, INPUTS, with_past
from prepare import MOMENT, START, made_up

HISTORY_DAYS = 364
"""Known before the model goes live."""
WARM_DAYS = 133
"""Only feed the inputs."""
RESTAURANTS = 80
ASKED_AT_S = 3 * 3600.0
"""Each night the guests of the day two weeks ahead are foretold."""
WEEK = np.array([1.7, 1.5, 1.3, 1.0, 0.7, 0.5, 0.6])
"""How the guests of each weekday, Monday first, become more or fewer once people work elsewhere."""
DAY_S = 86_400.0


def world(start: datetime, days: int, seed: int, change: float | None) -> pa.Table:
    """Forecasts that are asked for on ``days`` days from ``start`` on; the week is another one for what is foretold
    from ``change`` days after it.

    Columns: ``time`` (of the forecast), ``known_at`` (the end of the day that is foretold), ``key`` (the restaurant),
    the inputs, and ``label``.
    """
    visits = made_up(seed, RESTAURANTS, WARM_DAYS + HORIZON + days)
    day = (visits["time"].cast(pa.int64()).to_numpy() // 86_400_000_000) - int(START.timestamp() // DAY_S)
    first = int(start.timestamp() // DAY_S) - WARM_DAYS
    label = visits["label"].to_numpy().copy()
    if change is not None:
        later = day >= WARM_DAYS + HORIZON + change
        more = WEEK[(first + day[later] + 3) % 7]
        label[later] = np.random.default_rng(seed + 1).poisson(label[later] * more)
    visits = visits.set_column(visits.column_names.index("label"), "label", pa.array(label))
    second = (first + day) * DAY_S
    visits = visits.set_column(visits.column_names.index("time"), "time", _moments(second))
    found = with_past(visits).filter(pa.array(day >= WARM_DAYS + HORIZON))
    second = second[day >= WARM_DAYS + HORIZON]
    columns = {name: found[name] for name in (*INPUTS, "label")}
    return pa.table(
        {
            **columns,
            "key": found["item"],
            "time": _moments(second - HORIZON * DAY_S + ASKED_AT_S),
            "known_at": _moments(second + ASKED_AT_S),
        }
    )


def _moments(second: np.ndarray) -> pa.Array:
    return pa.array((second * 1e6).astype(np.int64), MOMENT)
