"""Predictions and labels that came as log records: OTLP events ``wellkept.prediction`` and ``wellkept.label``."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load

PREDICTION, LABEL = "wellkept.prediction", "wellkept.label"
AT_ONCE = 50_000


class SaidOutcomes:
    """Reads the events by when they were received."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, after: datetime, until: datetime) -> pa.Table:
        """The first events received in (after, until], oldest first: ``event``, ``time``, ``received``, ``trace_id``,
        ``span_id`` and ``said`` (the attributes of the record, a map of texts).
        """
        parameters = {
            "after": round(after.timestamp() * 1e9),
            "until": round(until.timestamp() * 1e9),
            "prediction": PREDICTION,
            "label": LABEL,
            "limit": AT_ONCE,
        }
        return self._engine.query(load("queries/said_outcomes.sql"), parameters)
