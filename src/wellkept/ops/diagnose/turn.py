"""Which incidents a turn of diagnosis takes, and in which order: in a storm there are more than there is time for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from wellkept.kernel.diagnosis import Diagnosis
from wellkept.kernel.incident import Incident
from wellkept.ops.diagnose.base import DiagnoseSettings

MOST = 100
"""So many of the newest live incidents are diagnosed."""


def chosen(
    live: Iterable[Incident], known: Mapping[str, Diagnosis], now: datetime, settings: DiagnoseSettings
) -> list[Incident]:
    """The heads of incidents that need a diagnosis now.

    First those that have none, the worst and of those the newest first; then those whose diagnosis is the oldest.
    """
    newest = sorted(live, key=lambda incident: (incident.opened_at, incident.id), reverse=True)[:MOST]
    without = [incident for incident in newest if incident.id not in known]
    others = [incident for incident in newest if incident.id in known]
    due = [incident for incident in others if _is_due(incident, known[incident.id], now, settings)]
    without.sort(key=lambda incident: -int(incident.severity))
    due.sort(key=lambda incident: (known[incident.id].at, incident.id))
    return without + due


def _is_due(incident: Incident, before: Diagnosis, now: datetime, settings: DiagnoseSettings) -> bool:
    """Whether it changed since, or more of its trouble has been measured: only ``during_s`` of that is looked at, from
    an onset that is never after the last change.
    """
    if incident.updated_at > before.at:
        return True
    is_measured_on = (before.at - incident.updated_at).total_seconds() < settings.during_s + settings.step_s
    return is_measured_on and (now - before.at).total_seconds() >= settings.refresh_s
