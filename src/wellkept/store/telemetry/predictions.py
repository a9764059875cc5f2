"""Predictions and labels: written as Arrow, read joined."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.inputs import in_rows
from wellkept.store.telemetry.statements import load

MILLISECOND = pa.timestamp("ms", tz="UTC")

PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("time", MILLISECOND),
        ("model", pa.string()),
        ("version", pa.string()),
        ("entity_key", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("score", pa.float64()),
        ("decision", pa.string()),
        ("features", pa.map_(pa.string(), pa.float64())),
        ("categories", pa.map_(pa.string(), pa.string())),
        ("latency_ms", pa.float64()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)
"""The columns of predictions. Only ``id``, ``time``, ``model``, ``version`` and ``score`` have to be there.

``features`` are inputs that are numbers, ``categories`` those that are words, where an empty one is no value;
an input is in one of them.
"""

REQUIRED = ("id", "time", "model", "version", "score")

LABELS = pa.schema(
    [("prediction_id", pa.string()), ("model", pa.string()), ("time", MILLISECOND), ("value", pa.float64())]
)
"""The columns of labels; ``time`` is when the label became known."""

_KNOWN = "SELECT DISTINCT id, model FROM prediction_ids WHERE id IN {ids:Array(String)}"
_MODELS = """
SELECT model, count() AS predictions, max(time) AS last
FROM predictions WHERE time >= fromUnixTimestamp64Milli({start:Int64}) GROUP BY model ORDER BY model"""


class Predictions:
    """What models said."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, table: pa.Table) -> None:
        """Store predictions (columns of ``PREDICTIONS``); written again, a prediction is the same prediction."""
        self._engine.insert_arrow("predictions", in_rows(table))

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of the ids are of stored predictions."""
        return set(self.models_of(ids))

    def models_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The model of each prediction that is stored, by its id; one query for all."""
        if not ids:
            return {}
        rows = self._engine.query(_KNOWN, {"ids": list(ids)})
        return dict(zip(rows["id"].to_pylist(), rows["model"].to_pylist(), strict=True))

    def window(self, model: str, start: datetime, end: datetime, *, known_by: datetime) -> pa.Table:
        """Predictions of ``model`` made in [start, end), by time, with their labels.

        Columns ``id``, ``time``, ``version``, ``score``, ``label`` (null: not known), ``label_time``, ``decision``,
        ``entity_key``, ``trace_id``, ``span_id``, ``latency_ms``, ``features``, ``categories`` and ``attributes``
        (maps). Of several labels the newest counts; ``known_by`` leaves out what became known at that moment or later.
        """
        parameters = {
            "model": model,
            "start": millis(start),
            "end": millis(end),
            "known_by": millis(known_by),
        }
        return self._engine.query(load("queries/predictions.sql"), parameters)

    def page(
        self, model: str, start: datetime, end: datetime, limit: int, *, known_by: datetime
    ) -> tuple[pa.Table, datetime | None]:
        """The first predictions of [start, end), with the columns of :meth:`window`, and where the next page starts.

        They are about ``limit``: those of the last millisecond all come. None: there are no more.
        """
        span = {"start": millis(start), "end": millis(end), "known_by": millis(known_by)}
        rows = self._engine.query(load("queries/predictions_page.sql"), {"model": model, **span, "limit": limit})
        if rows.num_rows < limit:
            return rows, None
        last: datetime = rows["time"][rows.num_rows - 1].as_py()
        return rows, last + timedelta(milliseconds=1)

    def sample(self, model: str, version: str, start: datetime, end: datetime, limit: int) -> pa.Table:
        """At most ``limit`` predictions of a version in [start, end), drawn by their ids, by time.

        Columns ``id``, ``time``, ``version``, ``score``, ``entity_key``, ``features`` and ``categories`` (maps).
        """
        parameters = {
            "model": model,
            "version": version,
            "start": millis(start),
            "end": millis(end),
            "limit": limit,
        }
        return self._engine.query(load("queries/predictions_sample.sql"), parameters)

    def models(self, since: datetime) -> pa.Table:
        """Which models have predicted since then: ``model``, ``predictions``, ``last``."""
        return self._engine.query(_MODELS, {"start": millis(since)})
