"""How many requests services answered, how many failed and how many were slow: what objectives are counted by."""

from __future__ import annotations

from datetime import datetime

from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.grid import Derived, Grid, by_entity
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.window import Window

CALLS, FAILED, SLOW = "span.calls", "span.failed", "span.slow"
_KINDS = (Derived("calls", CALLS, "1"), Derived("failed", FAILED, "1"), Derived("slow", SLOW, "1"))
_NEVER = 1 << 62


class Answered:
    """Counts spans of kind Server and Consumer; one that came twice counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counts(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        service: str,
        *,
        endpoint: str = "",
        slower_than_s: float | None = None,
    ) -> Window:
        """Series ``span.calls``, ``span.failed`` and ``span.slow`` (counts a step) of the entities that are meant.

        ``service``: an entity's id, or the name of a service in whatever namespace. A step without a request is NaN.
        """
        grid = Grid.of(start, end, step_s)
        name = service.partition(":")[2] or service
        told = {
            "service": f"service:{name}",
            "ending": service if ":" in service else f"/{name}",
            "endpoint": endpoint,
            "slower": _NEVER if slower_than_s is None else round(slower_than_s * 1e9),
        }
        rows = self._engine.query(load("queries/answered.sql"), {**grid.parameters, **told})
        return by_entity(rows, grid, _KINDS)
