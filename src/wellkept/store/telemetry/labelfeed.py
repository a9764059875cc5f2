"""How labels come in, on a grid: arrivals slice by slice, and what share of each cohort got its label in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.statements import load

TOLERANCE_S = 60.0
"""Clocks may differ by so much before a label counts as early or ahead."""
LOOKED_AT = 100_000
"""Of more predictions in the span than this a part is looked at, chosen by the hash of their ids."""

_CAME = ("labels", "again", "contradictory", "early", "ahead")

Counts = NDArray[np.int64]
_SIZE = """
SELECT count() AS n FROM predictions
WHERE model = {model:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})"""


@dataclass(frozen=True, slots=True, eq=False)
class LabelFeed:
    """Counts on a grid of S slices, each int64[S]; ``part``: one in so many predictions was looked at.

    By when a label came: ``labels``, ``again`` (of a prediction that has several), ``contradictory`` (whose several
    labels differ), ``early`` (known before the prediction was made) and ``ahead`` (known later than it came). By when
    predictions were made: ``made``, and ``in_time`` (their label came within the contract's delay).
    """

    times: NDArray[np.float64]
    labels: Counts
    again: Counts
    contradictory: Counts
    early: Counts
    ahead: Counts
    made: Counts
    in_time: Counts
    part: int = 1


class LabelFeeds:
    """Reads how labels come in."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def feed(self, model: str, grid: Grid, delay_s: float) -> LabelFeed:
        """The label feed of a model on a grid."""
        size = self._engine.query(_SIZE, {"model": model, "start": grid.start_ms, "end": grid.end_ms})["n"][0].as_py()
        part = max(1, -(-int(size) // LOOKED_AT))
        parameters = {
            **grid.parameters,
            "model": model,
            "part": part,
            "tolerance": round(TOLERANCE_S * 1000),
            "delay": round(delay_s * 1000),
        }
        came = self._engine.query(load("queries/label_arrivals.sql"), parameters)
        made = self._engine.query(load("queries/label_cohorts.sql"), parameters)
        labels, again, contradictory, early, ahead = (_counts(came, name, grid) for name in _CAME)
        predictions, labelled = (_counts(made, name, grid) for name in ("predictions", "labelled"))
        return LabelFeed(grid.times, labels, again, contradictory, early, ahead, predictions, labelled, part)


def _counts(rows: pa.Table, name: str, grid: Grid) -> Counts:
    found = np.zeros(grid.count, dtype=np.int64)
    found[rows["slice"].to_numpy().astype(np.int64)] = rows[name].to_numpy()
    return found
