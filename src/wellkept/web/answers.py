"""What a model has answered over a stretch of time, as arrays: how often, how fast, how well, and to what inputs.

Everything on a model's page is computed from one bounded sample. A short stretch is read whole; of a long one, a
slice of each bucket is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.store.telemetry.predictions import Predictions

BUCKETS = 30
WHOLE = timedelta(minutes=31)
SLICE = timedelta(seconds=20)
LEAST_LABELS = 30

Floats = NDArray[np.float64]
Metric = Callable[[Floats, Floats], float]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Predictions of one model by time.

    ``edges``: float64[B + 1], the buckets (seconds since the epoch). ``read_s``: the seconds of each bucket that were
    read. ``times``, ``scores``, ``labels`` (NaN: not known), ``latency_s``: float64[n]. ``features``: name to
    float64[n], NaN where there was no value.
    """

    edges: Floats
    read_s: float
    times: Floats
    scores: Floats
    labels: Floats
    latency_s: Floats
    features: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def ends(self) -> list[float]:
        """The ends of the buckets."""
        return [float(edge) for edge in self.edges[1:]]

    def rates(self) -> list[float]:
        """Predictions per second in each bucket."""
        return [len(self.times[rows]) / self.read_s for rows in self.buckets()]

    def p95(self) -> list[float]:
        """The slowest twentieth of the answers in each bucket, in seconds; NaN where there was none."""
        return [self._p95(self.latency_s[rows]) for rows in self.buckets()]

    def measured(self, metric: Metric) -> list[float]:
        """A metric in each bucket; NaN where too few labels are known to say."""
        return [self.measure(metric, rows) for rows in self.buckets()]

    def measure(self, metric: Metric, rows: slice = slice(None)) -> float:
        """A metric over some rows; NaN where too few labels are known to say."""
        known = np.isfinite(self.labels[rows])
        labels, scores = self.labels[rows][known], self.scores[rows][known]
        return metric(labels, scores) if len(labels) >= LEAST_LABELS else float("nan")

    def buckets(self) -> list[slice]:
        """The rows of each bucket."""
        places = np.searchsorted(self.times, self.edges)
        return [slice(int(places[index]), int(places[index + 1])) for index in range(len(self.edges) - 1)]

    def _p95(self, values: Floats) -> float:
        return float(np.quantile(values, 0.95)) if len(values) else float("nan")


def read_answers(predictions: Predictions, model: str, start: datetime, end: datetime, now: datetime) -> Answers:
    """The answers of a model in [start, end), with the labels that are known by now.

    Raises:
        StoreError: the engine failed.
    """
    bucket = (end - start) / BUCKETS
    steps = np.arange(BUCKETS + 1, dtype=np.float64)
    edges: Floats = start.timestamp() + bucket.total_seconds() * steps
    if end - start <= WHOLE:
        rows, read_s = predictions.window(model, start, end, known_by=now), bucket.total_seconds()
    else:
        begins = [start + bucket * index for index in range(BUCKETS)]
        width = min(bucket, SLICE)
        rows = pa.concat_tables([predictions.window(model, begin, begin + width, known_by=now) for begin in begins])
        read_s = width.total_seconds()
    return Answers(
        edges=edges,
        read_s=read_s,
        times=_floats(rows["time"].cast(pa.int64())) / _per_second(rows["time"].type),
        scores=_floats(rows["score"]),
        labels=_floats(rows["label"]),
        latency_s=_floats(rows["latency_ms"]) / 1000,
        features=_features(rows["features"]),
    )


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _per_second(kind: pa.DataType) -> float:
    """How many units of a timestamp's type are in a second."""
    return {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]


def _features(maps: pa.ChunkedArray) -> dict[str, Floats]:
    """The maps as columns."""
    return {name: _floats(pc.map_lookup(maps, name, "first")) for name in feature_names(maps)}


def feature_names(maps: pa.ChunkedArray) -> list[str]:
    """The keys that occur in a column of maps, ordered."""
    return sorted({name for chunk in maps.chunks for name in pc.unique(chunk.keys).to_pylist()})
