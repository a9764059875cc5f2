"""How labels arrive: predictions counted by cohort, by score, by the label's class, and by their age when it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid, millis
from wellkept.store.telemetry.statements import load

MOST_ROWS = 1_000_000
"""More predictions than this are sampled by the hash of their ids, one in so many."""
DRAWN = 20_000
"""Scores that the cuts between bins are chosen by."""
NEVER = 9_000_000_000.0
"""An age in seconds that no label has."""

_COUNT = """
SELECT count() AS rows FROM predictions
WHERE model = {model:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which predictions are counted, and how.

    ``version`` is what the predictions carry. ``ages`` are the ends of the age bins in seconds, the last endless.
    ``kind`` says what a label is: ``positive`` (above 0 or not), ``class`` (its number) or ``number``. ``classes``: a
    larger number counts as the last. What became known at ``known_by`` or later is not known.
    """

    model: str
    version: str
    grid: Grid
    ages: Sequence[float]
    kind: str
    classes: int
    known_by: datetime

    @property
    def parameters(self) -> dict[str, object]:
        ends = [min(age, NEVER) for age in self.ages]
        return {
            **self.grid.parameters,
            "model": self.model,
            "version": self.version,
            "ages": ends[:-1],
            "kind": self.kind,
            "most": self.classes - 1,
            "known_by": millis(self.known_by),
        }


class Arrivals:
    """Reads predictions beside their labels as counts; a prediction that was written twice counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def share_of(self, model: str, grid: Grid) -> int:
        """Of how many predictions one is to be looked at, so that at most ``MOST_ROWS`` are."""
        rows = self._engine.query(_COUNT, {"model": model, "start": grid.start_ms, "end": grid.end_ms})
        return max(1, -(-int(rows["rows"][0].as_py()) // MOST_ROWS))

    def scores(self, asked: Asked, one_in: int, limit: int = DRAWN) -> pa.Table:
        """Scores of the version to cut bins by: ``score`` and ``positive``, at most ``limit`` of either."""
        return self._engine.query(
            load("queries/label_edges.sql"), {**asked.parameters, "one_in": one_in, "limit": limit}
        )

    def arrivals(self, asked: Asked, edges: Sequence[float], one_in: int) -> pa.Table:
        """Groups of predictions: ``cohort``, ``kind``, ``place``, ``label``, ``age``, ``rows`` and sums.

        ``kind``: 0 another version's, 1 this version's, 2 this version's that was only tried. ``place``: the bin of the
        score, which is above so many of the edges; of classes, the score itself. ``label``: its class (0 of numbers).
        ``age``: the bin of the prediction's age when its first label came; -1 where there is none, and then ``label``
        is 0. Of several labels the newest counts. ``scores``: the sum; ``error``, ``squared``, ``fourth`` and
        ``truth``: the sums of the absolute error, its square, its fourth power, and of the absolute label.
        """
        parameters = {**asked.parameters, "edges": [float(edge) for edge in edges], "one_in": one_in}
        return self._engine.query(load("queries/label_maturity.sql"), parameters)

    def intervals(self, asked: Asked, share: float, one_in: int) -> pa.Table:
        """The intervals of the version's labelled answers, by ``cohort``: ``labelled``, how many had the truth
        ``inside``, and the sums of their ``width`` and of their ``pinball`` loss. ``share`` is what they promise.
        """
        parameters = {**asked.parameters, "tail": (1 - share) / 2, "one_in": one_in}
        return self._engine.query(load("queries/label_intervals.sql"), parameters)
