"""Reading logs: search, and how many."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Derived, Grid, by_entity, millis
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.window import Window


class Logs:
    """A record that came twice (same time, text and attributes) counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def search(self, text: str, start: datetime, end: datetime, entity: str = "", limit: int = 100) -> pa.Table:
        """Records whose text contains ``text`` (in any case), newest first; ``entity`` "" means any."""
        parameters = {
            "text": text,
            "start": millis(start),
            "end": millis(end),
            "entity": entity or "",
            "limit": limit,
        }
        return self._engine.query(load("queries/log_search.sql"), parameters)

    def counts(self, start: datetime, end: datetime, step_s: float) -> Window:
        """Series ``log.rate`` (records per second) and ``log.errors`` (of severity number 17 and above) by entity."""
        grid = Grid.of(start, end, step_s)
        rows = self._engine.query(load("queries/log_counts.sql"), grid.parameters)
        kinds = (
            Derived("records", "log.rate", "1/s", grid.step_s),
            Derived("errors", "log.errors", "1/s", grid.step_s),
        )
        return by_entity(rows, grid, kinds)
