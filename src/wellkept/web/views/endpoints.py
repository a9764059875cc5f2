"""What a service answers by endpoint: a table of its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.store.telemetry.window import Window
from wellkept.web.readings import Readings

ROWS = 15


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint: requests per second, the share of them that failed, and how long the slowest twentieth took (s).

    What is not known is None.
    """

    name: str
    rate: float
    failed: float | None
    p95_s: float | None


def endpoint_rows(
    readings: Readings, entity: str, start: datetime, end: datetime, step_s: float
) -> tuple[EndpointRow, ...]:
    """The busiest endpoints of a service, the busiest first; none of what is no service."""
    if not entity.startswith("service:"):
        return ()
    told = _told(readings.endpoints(entity, start, end, step_s))
    rows = [
        EndpointRow(name, rate, _share(of.get("endpoint.errors"), rate), of.get("endpoint.duration.p95"))
        for name, of in told.items()
        if (rate := of.get("endpoint.rate", 0.0)) > 0
    ]
    return tuple(sorted(rows, key=lambda row: (-row.rate, row.name))[:ROWS])


def _told(window: Window) -> dict[str, dict[str, float]]:
    """By endpoint what is known of it, by name."""
    told: dict[str, dict[str, float]] = {}
    for column, info in enumerate(window.series):
        value = float(window.values[0, column])
        if np.isfinite(value):
            told.setdefault(info.attributes["span.endpoint"], {})[info.name] = value
    return told


def _share(errors: float | None, rate: float) -> float | None:
    return None if errors is None else min(1.0, errors / rate)
