"""Samples of whole traces, with what was logged in them: for looking at how requests went, not only how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.statements import load


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Traces of a span of time.

    ``spans``: ``trace``, ``span``, ``parent`` (numbers; 0: no parent), ``entity``, ``name``, ``answers`` (server or
    consumer), ``asks`` (client), ``failed``, ``start`` and ``duration`` (nanoseconds), and ``trace_id``, which only
    spans without a parent have. ``logs``: ``span``, ``template``
    (the beginning of the text with numbers masked), ``entity``, ``severity``; one row for each pair of the two.
    """

    spans: pa.Table
    logs: pa.Table
    every: int
    """One trace in this many is in the sample."""


class Samples:
    """Which traces are in a sample depends on their ids alone, so the same question has the same answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def traces(self, start: datetime, end: datetime, limit: int) -> Sample:
        """Whole traces whose spans began in [start, end), about ``limit`` spans at most."""
        span: dict[str, object] = {"start": millis(start), "end": millis(end)}
        counted = self._engine.query(load("queries/sample_every.sql"), {**span, "limit": limit})
        chosen = {**span, "every": counted["every"][0].as_py()}
        return Sample(
            spans=self._engine.query(load("queries/sample_spans.sql"), chosen),
            logs=self._engine.query(load("queries/sample_logs.sql"), chosen),
            every=int(str(chosen["every"])),
        )
