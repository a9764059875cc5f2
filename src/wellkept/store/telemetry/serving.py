"""What a model server has done lately, reduced by the engine: histograms, rates, scores beside labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Grid, millis
from wellkept.store.telemetry.statements import load

SCORE = ""
"""The name under which scores stand beside the features."""


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Counts on a grid of S slices. ``bins``: name to int64[S, edges + 1]; ``nulls``: name to int64[S]."""

    times: NDArray[np.float64]
    bins: Mapping[str, NDArray[np.int64]]
    nulls: Mapping[str, NDArray[np.int64]]


class Serving:
    """Reads predictions by model and version (its digest). Written twice, a prediction counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def histograms(self, model: str, version: str, grid: Grid, edges: Mapping[str, Sequence[float]]) -> Histograms:
        """How the values of the named features (and ``SCORE``) fall between ``edges``, slice by slice.

        Bin ``b`` holds the values that are above exactly ``b`` of the edges.
        """
        names = sorted(edges)
        lists = [[float(edge) for edge in edges[name]] for name in names]
        parameters = {**grid.parameters, "model": model, "version": version, "features": names, "edges": lists}
        rows = self._engine.query(load("queries/serving_histogram.sql"), parameters)
        bins = {name: np.zeros((grid.count, len(edges[name]) + 1), dtype=np.int64) for name in names}
        nulls = {name: np.zeros(grid.count, dtype=np.int64) for name in names}
        found = np.asarray(rows["feature"].to_pylist(), dtype=object)
        slices, places, counts = (rows[name].to_numpy().astype(np.int64) for name in ("slice", "bin", "rows"))
        for name in names:
            mine, known = found == name, (found == name) & (places >= 0)
            bins[name][slices[known], places[known]] = counts[known]
            empty = mine & (places < 0)
            nulls[name][slices[empty]] = counts[empty]
        return Histograms(grid.times, bins, nulls)

    def tops(self, model: str, version: str, start: datetime, end: datetime) -> dict[str, tuple[float, float]]:
        """Each feature's most common value in [start, end), and its share of the values that are not null."""
        parameters = {"model": model, "version": version, "start": millis(start), "end": millis(end)}
        rows = self._engine.query(load("queries/serving_tops.sql"), parameters)
        pairs = zip(rows["value"].to_pylist(), rows["share"].to_pylist(), strict=True)
        return dict(zip(rows["feature"].to_pylist(), pairs, strict=True))

    def rates(self, model: str, grid: Grid) -> NDArray[np.int64]:
        """Predictions of all versions in each slice: int64[S]."""
        rows = self._engine.query(load("queries/serving_rates.sql"), {**grid.parameters, "model": model})
        counts = np.zeros(grid.count, dtype=np.int64)
        counts[rows["slice"].to_numpy().astype(np.int64)] = rows["rows"].to_numpy()
        return counts

    def labelled(self, model: str, version: str, start: datetime, end: datetime, known_by: datetime) -> pa.Table:
        """Labelled predictions of [start, end), by time: ``at`` (seconds since the epoch), ``score``, ``label``."""
        parameters = {
            "model": model,
            "version": version,
            "start": millis(start),
            "end": millis(end),
            "known_by": millis(known_by),
        }
        return self._engine.query(load("queries/serving_labelled.sql"), parameters)

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
