"""Patterns of log lines for programs: ``GET /api/v1/telemetry/patterns``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from wellkept.api.telemetry import Asked
from wellkept.kernel.clock import Clock
from wellkept.store.telemetry.patterns import PatternStore


class PatternsAsked(Asked):
    """Patterns that came in a span of time, of a service or an entity, with lines of this severity number and above."""

    service: str = ""
    entity: str = ""
    severity: Annotated[int, Field(ge=0, le=24)] = 0


_DRAWN = ("trend", "steps", "counts")
"""What pages draw."""


def router(store: PatternStore, clock: Clock) -> APIRouter:
    """The route; the most frequent patterns come first."""
    routes = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"])

    @routes.get("/patterns")
    def patterns(asked: Annotated[PatternsAsked, Query()]) -> dict[str, Any]:
        since, until = asked.span(clock)
        rows = store.listed(
            since, until, service=asked.service, entity=asked.entity, severity=asked.severity, limit=asked.limit
        )
        return {"patterns": [_shown(row) for row in rows.to_pylist()]}

    return routes


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: row[name].isoformat() for name in ("first_seen", "last_seen")}
    shown = {name: value for name, value in row.items() if name not in _DRAWN}
    return {**shown, **moments, "pattern": f"{row['pattern']:016x}"}
