"""Telemetry as it came, row by row: for taking it elsewhere. Everything else reads windows."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.statements import load

LONGEST_SPAN_MS = 3_600_000
"""A span that took longer than this is not found by when it ended."""


class Raw:
    """Rows of a span of time, in the order of their times; nothing twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def points(self, start: datetime, end: datetime) -> pa.Table:
        """Metric points: ``series``, ``at`` (nanoseconds), ``value``."""
        return self._read("raw_points", start, end)

    def series(self, ids: list[int]) -> pa.Table:
        """What series are: ``series``, ``name``, ``unit``, ``kind``, ``is_monotonic``, ``temporality``, their
        ``attributes``, and ``resource_attributes``.
        """
        return self._engine.query_body(load("queries/series.sql"), np.array(ids, np.uint64).tobytes())

    def logs(self, start: datetime, end: datetime) -> pa.Table:
        """Log records with their attributes and those of their resource."""
        return self._read("raw_logs", start, end)

    def spans(self, start: datetime, end: datetime) -> pa.Table:
        """Spans that ended in the span of time, with attributes and events."""
        return self._read("raw_spans", start, end)

    def _read(self, name: str, start: datetime, end: datetime) -> pa.Table:
        first, last = millis(start), millis(end)
        parameters = {"start": first, "end": last, "since": first - LONGEST_SPAN_MS}
        return self._engine.query(load(f"queries/{name}.sql"), parameters)
