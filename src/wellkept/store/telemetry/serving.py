"""What a model server has done lately, reduced by the engine: histograms, rates, scores beside labels."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.errors import OverloadError
from wellkept.store.telemetry.counting import SCORE, Asked, Counting, Counts, Yardstick
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid, millis
from wellkept.store.telemetry.sketches import Sketches, fits
from wellkept.store.telemetry.statements import load

__all__ = ["SCORE", "Histograms", "Serving"]

_VERSIONS = """
SELECT DISTINCT toString(version) AS version FROM predictions
WHERE model = {model:String}
    AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
ORDER BY version"""


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Counts on a grid of S steps. ``bins``: name to int64[S, edges + 1]; ``nulls``: name to int64[S].

    Of a column of words there is a bin for each of its categories, and one for all others. ``least`` and ``greatest``
    are of columns of numbers: name to float64[S], NaN where there is no value.
    """

    times: NDArray[np.float64]
    bins: Mapping[str, NDArray[np.int64]]
    nulls: Mapping[str, NDArray[np.int64]]
    least: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    greatest: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


class Serving:
    """Reads predictions by model and version. Written twice, a prediction counts once.

    Grids whose steps are whole five minutes are answered from sketches, any other from the rows, with the same result.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counting, self._sketches = Counting(engine), Sketches(engine)
        self._yardsticks: dict[tuple[str, str], Yardstick] = {}
        """By model and version, what was asked for last: the columns whose most common values sketches know."""

    def histograms(
        self,
        model: str,
        version: str,
        grid: Grid,
        edges: Yardstick,
        *,
        slice: tuple[str, str] | None = None,  # noqa: A002 - what a contract calls it
    ) -> Histograms:
        """How the values of the named columns (and ``SCORE``) fall into bins, step by step.

        ``edges``: of a column of numbers the edges between its bins, where bin ``b`` holds the values that are above
        exactly ``b`` of them; of a column of words its categories. A row without a column is neither in its bins nor in
        its nulls. ``slice``: only the rows in which a column (an input, or an attribute) has a value.
        """
        asked = Asked(model, version, slice or ("", ""))
        counts = self._counts(asked, grid, edges)
        if slice is None and len(edges) > 1:
            self._yardsticks[model, version] = dict(edges)
        return Histograms(
            grid.times,
            {name: counts.bins[name] for name in edges},
            {name: counts.nulls[name] for name in edges},
            {name: counts.least[name] for name in edges if name in counts.least},
            {name: counts.greatest[name] for name in edges if name in counts.greatest},
        )

    def tops(self, model: str, version: str, start: datetime, end: datetime) -> dict[str, tuple[float, float]]:
        """Each numeric input's most common value in [start, end), and its share of the values that are not null.

        Of many rows this is told by some thousands of them. After :meth:`histograms` it is of the columns, and as new,
        as those were.
        """
        asked, grid = Asked(model, version), Grid(millis(start), millis(end), max(1, millis(end) - millis(start)))
        yardstick = self._yardsticks.get((model, version))
        if yardstick is not None and fits(grid):
            with contextlib.suppress(OverloadError):
                return self._sketches.tops(asked, grid, yardstick)
        return self._counting.tops(asked, grid)

    def rates(self, model: str, grid: Grid) -> NDArray[np.int64]:
        """Predictions of all versions in each step, but for those that were only tried: int64[S]."""
        rows = self._engine.query(_VERSIONS, {**grid.parameters, "model": model})
        counts = np.zeros(grid.count, dtype=np.int64)
        for version in rows["version"].to_pylist():
            counts += self._counts(Asked(model, version), grid, {SCORE: ()}).answered
        return counts

    def _counts(self, asked: Asked, grid: Grid, yardstick: Yardstick) -> Counts:
        if fits(grid):
            with contextlib.suppress(OverloadError):  # no room for sketches is no reason to tell nothing
                return self._sketches.counts(asked, grid, yardstick)
        return self._counting.count(asked, grid, yardstick)

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table:
        """Labelled predictions of [start, end), by time: ``at`` (seconds since the epoch), ``score``, ``label``, and
        ``lower`` and ``upper``, the ends of their intervals (null where they came without).
        """
        parameters = {
            "model": model,
            "version": version,
            "start": millis(start),
            "end": millis(end),
            "known_by": millis(known_by),
        }
        return self._engine.query(load("queries/serving_labelled.sql"), parameters)

    def labelled_rows(self, model: str, start: datetime, end: datetime, known_by: datetime) -> int:
        """How many predictions of [start, end), by any version, have a label that was known by then."""
        span = {"start": millis(start), "end": millis(end), "known_by": millis(known_by)}
        found = self._engine.query(load("queries/serving_labelled_rows.sql"), {"model": model, **span})
        return int(found["rows"][0].as_py())

    def sample(self, model: str, version: str, start: datetime, end: datetime, limit: int) -> pa.Table:
        """At most ``limit`` predictions of [start, end), drawn by their ids, as of ``Predictions.sample``."""
        parameters = {
            "model": model,
            "version": version,
            "start": millis(start),
            "end": millis(end),
            "limit": limit,
        }
        return self._engine.query(load("queries/predictions_sample.sql"), parameters)

    def affected(
        self, model: str, start: datetime, end: datetime, features: Mapping[str, float | None], limit: int
    ) -> pa.Table:
        """Predictions in [start, end) that lacked a value of one of ``features``, or had its stuck value (None: none).

        Columns ``id``, ``time``, ``version``, ``score``, ``decision``, ``entity_key``, ``trace_id``, ``bad`` (the
        features that were bad) and ``total`` (how many there are in all); the newest ``limit``.
        """
        names = sorted(features)
        parameters = {
            "model": model,
            "start": millis(start),
            "end": millis(end),
            "features": names,
            "stuck": [features[name] for name in names],
            "limit": limit,
        }
        return self._engine.query(load("queries/serving_affected.sql"), parameters)
