"""What the log of predictions tells of a model that is served elsewhere: its versions, and how each began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import millis
from wellkept.store.telemetry.statements import load

_MODELS = """
SELECT model, count() AS predictions, max(time) AS last
FROM predictions WHERE time >= fromUnixTimestamp64Milli({start:Int64}) GROUP BY model ORDER BY model LIMIT 1000"""


@dataclass(frozen=True, slots=True)
class LoggedVersion:
    """A version as predictions name it, with how many there were in a span and when the first and the last was."""

    name: str
    predictions: int
    first: datetime
    last: datetime


class Logged:
    """Reads the log of predictions by what it says of itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def versions(self, model: str, start: datetime, end: datetime) -> list[LoggedVersion]:
        """The versions that predictions of [start, end) came with, in the order of their first ones."""
        parameters = {"model": model, "start": millis(start), "end": millis(end)}
        rows = self._engine.query(load("queries/logged_versions.sql"), parameters).to_pylist()
        return [LoggedVersion(row["version"], row["predictions"], row["first"], row["last"]) for row in rows]

    def models(self, since: datetime) -> pa.Table:
        """Which models have predicted since then: ``model``, ``predictions``, ``last``."""
        return self._engine.query(_MODELS, {"start": millis(since)})

    def first(
        self, model: str, version: str, start: datetime, end: datetime, limit: int, *, known_by: datetime
    ) -> pa.Table:
        """At most ``limit`` of a version's first predictions in [start, end), by time.

        Columns ``at`` (seconds since the epoch), ``score``, ``features`` and ``categories`` (maps), ``label`` (null:
        not known by that moment).
        """
        span = {"start": millis(start), "end": millis(end), "known_by": millis(known_by)}
        parameters = {"model": model, "version": version, **span, "limit": limit}
        return self._engine.query(load("queries/logged_first.sql"), parameters)
