"""The overview: systems and models at a glance, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.plan import PlanState
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings
from wellkept.web.views.incidents import IncidentRow, incident_rows
from wellkept.web.views.journal import EntryView, entry_view
from wellkept.web.views.modelrow import ModelRow, model_rows
from wellkept.web.views.plans import PlanView, plan_view
from wellkept.web.views.systems import HostRow, ServiceRow, host_rows, look, service_rows
from wellkept.web.wording import amount, plural

AT_A_GLANCE = 40


@dataclass(frozen=True, slots=True)
class Vital:
    """One figure at the top: what, how much, in which tone, and where to read on."""

    label: str
    value: str
    detail: str
    tone: str = "quiet"
    href: str = ""


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Everything on the first page."""

    vitals: tuple[Vital, ...]
    incidents: tuple[IncidentRow, ...]
    plans: tuple[PlanView, ...]
    hosts: tuple[HostRow, ...]
    services: tuple[ServiceRow, ...]
    more_hosts: int
    more_services: int
    models: tuple[ModelRow, ...]
    lately: tuple[EntryView, ...]
    stored: str
    storage: tuple[str, ...]
    problem: str
    since: str
    ops: bool
    ml: bool


def overview_view(deps: WebDeps, readings: Readings, now: datetime, most: int = AT_A_GLANCE) -> OverviewView:
    """The first page, from the last half hour; at most ``most`` hosts and services each, the unwell first."""
    findings = deps.stream.open_findings()
    incidents = deps.stream.incidents(live=True, limit=20)
    live = incident_rows(incidents, deps.stream)
    hrefs = {entity: f"/incidents/{incident.id}" for incident in incidents for entity in incident.entities}
    waiting = deps.gate.plans(state=PlanState.WAITING, limit=20)
    hosts = host_rows(deps.topology, readings, findings, hrefs, now) if deps.ops_enabled else ()
    services = service_rows(deps.topology, readings, findings, hrefs, now) if deps.ops_enabled else ()
    models = model_rows(deps.registry, readings, findings, now) if deps.ml_enabled else ()
    vitals = [
        *(_ops_vitals(live, hosts, services) if deps.ops_enabled else ()),
        *(_ml_vitals(models) if deps.ml_enabled else ()),
        _approvals(len(waiting), is_paused=deps.gate.brakes.paused(now) is not None),
    ]
    return OverviewView(
        vitals=tuple(vitals),
        incidents=live,
        plans=tuple(plan_view(record, deps.gate) for record in waiting[:4]),
        hosts=hosts[:most],
        services=services[:most],
        more_hosts=max(0, len(hosts) - most),
        more_services=max(0, len(services) - most),
        models=models,
        lately=tuple(entry_view(entry) for entry in deps.audit.entries(limit=8)),
        stored=_stored(readings.reporting(now), len(hosts) + len(services)),
        storage=tuple(deps.storage()),
        problem=readings.problem,
        since=look(readings, now).words,
        ops=deps.ops_enabled,
        ml=deps.ml_enabled,
    )


def _ops_vitals(
    live: Sequence[IncidentRow], hosts: Sequence[HostRow], services: Sequence[ServiceRow]
) -> tuple[Vital, ...]:
    unwell = sum(row.tone != "ok" for row in hosts) + sum(row.tone != "ok" for row in services)
    worst = live[0].tone if live else "ok"
    return (
        Vital("Live incidents", str(len(live)), live[0].title if live else "all quiet", worst, "/incidents"),
        Vital(
            "Systems",
            str(len(hosts) + len(services)),
            f"{unwell} unwell" if unwell else "all well" if hosts or services else "none reports yet",
            "warning" if unwell else "ok" if hosts or services else "quiet",
            "#systems",
        ),
    )


def _ml_vitals(models: Sequence[ModelRow]) -> tuple[Vital, ...]:
    unwell = sum(row.tone not in ("ok", "quiet") for row in models)
    live = sum(bool(row.champion) for row in models)
    rate = sum(row.rate.last or 0.0 for row in models)
    detail = f"{amount(rate, '1/s')} predictions" if live else "none is live" if models else "none trained yet"
    shade = "warning" if unwell else "ok" if live else "quiet"
    detail = f"{unwell} unwell" if unwell else detail
    return (Vital("Models", str(len(models)), detail, shade, "/models"),)


def _approvals(waiting: int, *, is_paused: bool) -> Vital:
    detail = f"{plural(waiting, 'plan waits', 'plans wait')} for a person" if waiting else "nothing waits"
    detail += "; runbooks are paused" if is_paused else ""
    return Vital("Approvals", str(waiting), detail, "warning" if waiting or is_paused else "quiet", "/approvals")


def _stored(series: int, systems: int) -> str:
    return f"{plural(series, 'series', 'series')} reported in the last two minutes" if series or systems else ""
