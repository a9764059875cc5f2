"""How long an incident took: to be noticed, taken on, contained and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.incident import Incident


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, never negative; None for what has not happened.

    ``detect_s`` counts from the onset to the moment when the platform opened the incident, the others from that moment.
    Where the incident was heard of late, that says nothing of the platform.
    """

    detect_s: float
    acknowledge_s: float | None
    mitigate_s: float | None
    resolve_s: float | None


def times_of(incident: Incident) -> Times:
    """The times of one incident."""
    noticed = incident.noticed_at
    return Times(
        detect_s=_between(incident.opened_at, noticed) or 0.0,
        acknowledge_s=_between(noticed, incident.acknowledged_at),
        mitigate_s=_between(noticed, incident.mitigated_at),
        resolve_s=_between(noticed, incident.resolved_at),
    )


def _between(start: datetime, end: datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if end is not None else None
