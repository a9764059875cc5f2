"""The page of one system: how it goes, what is wrong with it, what it depends on, and all that it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from wellkept.kernel.change import Change
from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.finding import Finding, Severity
from wellkept.kernel.hostnames import host_in
from wellkept.spine.graph import Graph
from wellkept.spine.incidentbook import Wanted
from wellkept.store.telemetry.indicators import DURATIONS, ERRORS, RATE
from wellkept.store.telemetry.window import SeriesInfo, Window
from wellkept.web.charts.line import LineChart, Mark, Shade
from wellkept.web.charts.neighbourhood import Link, Node
from wellkept.web.charts.spark import Spark
from wellkept.web.deps import WebDeps
from wellkept.web.readings import Readings, by_entity
from wellkept.web.views import surroundings, tone
from wellkept.web.views.endpoints import EndpointRow, endpoint_rows
from wellkept.web.views.findings import FindingRow, finding_rows
from wellkept.web.views.incidents import IncidentRow, incident_rows
from wellkept.web.views.systems import LOOKS, DiskView, disk_views
from wellkept.web.views.usage import NAMES, Usage
from wellkept.web.wording import kind_of

SPANS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}
POINTS, MOST = 120, 40
"""Points of a chart, and metrics that are listed."""
INCIDENTS, FINDINGS, CHANGES, PARTS = 8, 20, 10, 40
FAR = 6
"""Hops by which a model is looked for that depends on the system."""
WIDTH, HEIGHT = 560.0, 120.0

Grid = tuple[datetime, datetime, float]
"""From when to when, and seconds between two values."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: how many series it has, and the shape of the first that is told of in this time."""

    name: str
    series: int
    spark: Spark


@dataclass(frozen=True, slots=True)
class SystemView:
    """The page; ``more`` is how many metrics are not listed."""

    entity: str
    name: str
    kind: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    span: str
    start: datetime
    end: datetime
    charts: tuple[LineChart, ...]
    endpoints: tuple[EndpointRow, ...]
    disks: tuple[DiskView, ...]
    findings: tuple[FindingRow, ...]
    incidents: tuple[IncidentRow, ...]
    changes: tuple[Change, ...]
    models: tuple[str, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    metrics: tuple[MetricRow, ...]
    more: int
    words: str
    problem: str
    spans: tuple[str, ...] = tuple(SPANS)


def system_view(deps: WebDeps, readings: Readings, asked: Mapping[str, str], now: datetime) -> SystemView:
    """The page of the entity that the address names, over the last hour or as long as it says.

    Raises:
        InputError: no entity is named.
        NotFoundError: nothing is known of it.
    """
    entity_id, words = asked.get("entity", ""), asked.get("q", "").strip()[:100]
    if not entity_id:
        raise InputError("entity", "must be in the address", dict(asked))
    span = asked.get("span", "")
    span = span if span in SPANS else "1h"
    start, step_s = now - SPANS[span], SPANS[span].total_seconds() / POINTS
    entity = deps.topology.entity(entity_id)
    every = readings.metrics(start, now, step_s, (), (entity_id,))
    if entity is None and not every.series:
        raise NotFoundError(f"system {entity_id}", f"is not known, and told of nothing in the last {span}")
    graph = deps.topology.graph()
    every_open = deps.stream.open_findings()
    found = _findings(deps, every_open, entity_id, start)
    open_now = [finding for finding in found if finding.is_open]
    own = [finding for finding in found if finding.entity == entity_id]
    changes = [change for change in readings.changes(start, now) if change.entity == entity_id]
    metrics = _metrics(every, words, {signal for finding in open_now for signal in _signals(finding)})
    incidents, _ = deps.book.find(Wanted(entity=entity_id), limit=INCIDENTS)
    nodes, links = surroundings.around(graph, [entity_id], None, every_open)
    return SystemView(
        entity=entity_id,
        name=entity.name if entity is not None else entity_id.partition(":")[2],
        kind=kind_of(entity_id),
        tone=tone.of(max(open_now, key=lambda finding: finding.severity, default=None)),
        facts=_facts(entity),
        span=span,
        start=start,
        end=now,
        charts=_charts(readings, entity_id, (start, now, step_s), own, changes),
        endpoints=endpoint_rows(readings, entity_id, start, now, step_s),
        disks=_disks(readings, entity_id, now, open_now),
        findings=finding_rows(found[:FINDINGS]),
        incidents=incident_rows(incidents, deps.stream),
        changes=tuple(sorted(changes, key=lambda change: change.at, reverse=True)[:CHANGES]),
        models=_models(graph, entity_id) if deps.ml_enabled else (),
        nodes=nodes,
        links=links,
        metrics=tuple(metrics[:MOST]),
        more=max(0, len(metrics) - MOST),
        words=words,
        problem=readings.problem,
    )


def _findings(deps: WebDeps, every_open: Sequence[Finding], entity: str, start: datetime) -> list[Finding]:
    """What is open of the entity and of its parts, and what of itself is over since ``start``, but for information."""
    known = deps.stream.findings(entity=entity, limit=200)
    return [
        *(finding for finding in every_open if finding.entity == entity or _is_part(finding.entity, entity)),
        *(f for f in known if f.ends_at is not None and f.ends_at >= start and f.severity > Severity.INFO),
    ]


def _facts(entity: Entity | None) -> tuple[tuple[str, str], ...]:
    """What is known of it beside its name."""
    if entity is None:
        return ()
    owner = (("owner", entity.owner),) if entity.owner else ()
    return (*owner, ("tier", str(entity.criticality)), *sorted(entity.attributes.items()))


def _signals(finding: Finding) -> list[str]:
    return [shown.signal for shown in finding.evidence]


def _models(graph: Graph, entity: str) -> tuple[str, ...]:
    """The models that depend on it."""
    above = graph.dependents(entity, FAR)
    return tuple(sorted(other.partition(":")[2] for other in above if graph.entities[other].kind is EntityKind.MODEL))


def _charts(
    readings: Readings,
    entity: str,
    grid: Grid,
    findings: Sequence[Finding],
    changes: Sequence[Change],
) -> tuple[LineChart, ...]:
    """How it goes, in the figures that everybody looks at first, with what was found and changed meanwhile."""
    kind = entity.partition(":")[0]
    shown = _of_service(readings, entity, grid) if kind == "service" else _of_usage(readings, entity, grid)
    shades = tuple(
        Shade(f.starts_at.timestamp(), f.ends_at.timestamp() if f.ends_at else None, f.sentence)
        for f in findings
        if f.severity > Severity.INFO
    )
    marks = tuple(Mark(change.at.timestamp(), change.summary) for change in changes)
    return tuple(
        LineChart(title, unit, times, values, shades=shades, marks=marks, width=WIDTH, height=HEIGHT)
        for title, unit, times, values in shown
        if np.isfinite(values).sum() > 1
    )


def _is_part(entity: str, of: str) -> bool:
    """Whether an entity is a disk or a process of a host."""
    return of.startswith("host:") and entity != of and host_in(entity) == host_in(of)


def _disks(readings: Readings, entity: str, now: datetime, findings: Sequence[Finding]) -> tuple[DiskView, ...]:
    """The filesystems of a host as they are now, the fullest first."""
    if not entity.startswith("host:"):
        return ()
    newest = LOOKS[0]
    window = readings.metrics(now - newest.span, now, newest.step_s, NAMES)
    return disk_views(Usage(window), tone.worst(findings)).get(host_in(entity), ())[:PARTS]


_Line = tuple[str, str, list[float], list[float]]
"""A title, a unit, times and values."""


def _of_service(readings: Readings, entity: str, grid: Grid) -> list[_Line]:
    red, window = readings.red(*grid), readings.metrics(*grid, NAMES, (entity,))
    titles = {RATE: ("Requests", "1/s"), ERRORS: ("Failed requests", "1/s")}
    slow = next((way for way in ("p95", "mean") if entity in by_entity(red, DURATIONS[way])), "mean")
    titles[DURATIONS[slow]] = ("Slowest twentieth" if slow == "p95" else "Mean duration", "s")
    lines = [
        (*said, red.times.tolist(), found[0][1])
        for name, said in titles.items()
        if (found := by_entity(red, name).get(entity))
    ]
    return [*lines, ("Memory", "By", window.times.tolist(), Usage(window).of_service(entity).tolist())]


def _of_usage(readings: Readings, entity: str, grid: Grid) -> list[_Line]:
    window = readings.metrics(*grid, NAMES, (entity,))
    usage, times = Usage(window), window.times.tolist()
    shares = {"CPU": usage.cpu(entity), "Memory": usage.memory(entity).share, "Disk": usage.disk(entity).share}
    return [(f"{what} in use", "1", times, share.tolist()) for what, share in shares.items()]


def _metrics(every: Window, words: str, first: set[str]) -> list[MetricRow]:
    """What it tells, by name; what something was found in comes first."""
    found: dict[str, list[int]] = {}
    for column, info in enumerate(every.series):
        if words.lower() in info.name.lower():
            found.setdefault(info.name, []).append(column)
    ordered = sorted(found, key=lambda name: (name not in first, name))
    return [_row(every, name, found[name]) for name in ordered]


def _row(every: Window, name: str, columns: Sequence[int]) -> MetricRow:
    info: SeriesInfo = every.series[columns[0]]
    spark = Spark(name, info.unit, every.times.tolist(), every.values[:, columns[0]].tolist())
    return MetricRow(name, len(columns), spark)
