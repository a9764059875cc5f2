"""Hosts and services with their state and the shape of their last half hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.finding import Finding
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.indicators import DURATIONS, ERRORS, RATE
from wellkept.store.telemetry.window import SeriesInfo, Window
from wellkept.web.charts.spark import Spark
from wellkept.web.readings import Readings, by_entity
from wellkept.web.views import tone
from wellkept.web.views.usage import NAMES, Usage
from wellkept.web.wording import amount, share

MOST, MOST_DISKS = 200, 4
NEARLY_FULL = 0.9
_ORDER = {"critical": 0, "error": 1, "warning": 2, "info": 3, "ok": 4}

Values = list[float]


@dataclass(frozen=True, slots=True)
class Look:
    """How far back the sparklines look: half an hour, or less where nothing is known for as long."""

    span: timedelta
    step_s: float

    @property
    def words(self) -> str:
        return f"last {self.span.total_seconds() / 60:.0f} min"


LOOKS = (Look(timedelta(minutes=5), 10.0), Look(timedelta(minutes=30), 60.0))


def look(readings: Readings, now: datetime) -> Look:
    """The shortest look that shows everything that is known of the last half hour."""
    longest = LOOKS[-1]
    known = [
        float(window.times[np.isfinite(window.values).any(axis=1)][0])
        for window in (_window(readings, now, longest), readings.red(now - longest.span, now, longest.step_s))
        if np.isfinite(window.values).any()
    ]
    age_s = now.timestamp() - min(known, default=now.timestamp())
    return next((shorter for shorter in LOOKS if age_s <= shorter.span.total_seconds()), longest)


def _window(readings: Readings, now: datetime, chosen: Look) -> Window:
    return readings.metrics(now - chosen.span, now, chosen.step_s, NAMES)


@dataclass(frozen=True, slots=True)
class DiskView:
    """One filesystem of a host."""

    id: str
    mountpoint: str
    used: float
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host. ``why`` is the sentence of its worst open finding."""

    id: str
    name: str
    tone: str
    why: str
    href: str
    cpu: Spark
    memory: Spark
    disks: tuple[DiskView, ...]


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service: requests, failures, how long answers take, memory."""

    id: str
    name: str
    namespace: str
    tone: str
    why: str
    href: str
    rate: Spark
    errors: Spark
    duration: Spark
    memory: Spark


def host_rows(
    topology: Topology, readings: Readings, findings: Sequence[Finding], hrefs: Mapping[str, str], now: datetime
) -> tuple[HostRow, ...]:
    """Hosts of the last day, the unwell first; ``hrefs``: the live incident of each entity that is in one."""
    window = _window(readings, now, look(readings, now))
    worst = tone.worst(findings)
    usage, times = Usage(window), window.times.tolist()
    disks = disk_views(usage, worst)
    rows = []
    for host in topology.entities(EntityKind.HOST, now)[:MOST]:
        key = host.id.partition(":")[2]
        own = disks.get(key, ())[:MOST_DISKS]
        bad = _worst_on(worst, host.id, key)
        rows.append(
            HostRow(
                id=host.id,
                name=host.name,
                tone=tone.of(bad),
                why=bad.sentence if bad else "",
                href=hrefs.get(bad.entity, "") if bad else "",
                cpu=Spark("CPU in use", "1", times, usage.cpu(host.id).tolist(), ceiling=1.0),
                memory=Spark("Memory in use", "1", times, usage.memory(host.id).share.tolist(), ceiling=1.0),
                disks=own,
            )
        )
    return tuple(sorted(rows, key=lambda row: (_ORDER[row.tone], row.name)))


def service_rows(
    topology: Topology, readings: Readings, findings: Sequence[Finding], hrefs: Mapping[str, str], now: datetime
) -> tuple[ServiceRow, ...]:
    """Services of the last day, the unwell first; ``hrefs``: the live incident of each entity that is in one."""
    chosen = look(readings, now)
    spans, window = readings.red(now - chosen.span, now, chosen.step_s), _window(readings, now, chosen)
    worst = tone.worst(findings)
    series = {name: by_entity(spans, name) for name in (RATE, ERRORS, *DURATIONS.values())}
    usage, times = Usage(window), window.times.tolist()
    rows = []
    for service in topology.entities(EntityKind.SERVICE, now)[:MOST]:
        bad = worst.get(service.id)
        rows.append(
            ServiceRow(
                id=service.id,
                name=service.name,
                namespace=_namespace(service),
                tone=tone.of(bad),
                why=bad.sentence if bad else "",
                href=hrefs.get(service.id, ""),
                rate=_span(spans, series[RATE], service.id, "Requests", "1/s"),
                errors=_span(spans, series[ERRORS], service.id, "Failed requests", "1/s", "error"),
                duration=_duration(spans, series, service.id),
                memory=Spark("Memory", "By", times, usage.of_service(service.id).tolist()),
            )
        )
    return tuple(sorted(rows, key=lambda row: (_ORDER[row.tone], row.name)))


def _duration(
    window: Window, series: Mapping[str, Mapping[str, list[tuple[SeriesInfo, Values]]]], entity: str
) -> Spark:
    """How long answers take: the slowest twentieth, or where that is not known the mean."""
    slowest = _span(window, series[DURATIONS["p95"]], entity, "Slowest twentieth", "s")
    return slowest if slowest.values else _span(window, series[DURATIONS["mean"]], entity, "Mean duration", "s")


def _span(
    window: Window,
    series: Mapping[str, list[tuple[SeriesInfo, Values]]],
    entity: str,
    title: str,
    unit: str,
    shade: str = "",
) -> Spark:
    found = series.get(entity, [])
    values = found[0][1] if found else []
    colour = shade if any(value > 0 for value in values) else ""
    return Spark(title, unit, window.times.tolist() if values else [], values, tone=colour)


def _namespace(service: Entity) -> str:
    inside = service.id.partition(":")[2]
    return inside.rpartition("/")[0]


def _worst_on(worst: Mapping[str, Finding], host: str, key: str) -> Finding | None:
    """The worst finding on a host itself, or on one of its disks."""
    own = [finding for entity, finding in worst.items() if entity == host or entity.startswith(f"disk:{key}:")]
    return max(own, key=lambda finding: (finding.severity, finding.score), default=None)


def disk_views(usage: Usage, worst: Mapping[str, Finding]) -> dict[str, tuple[DiskView, ...]]:
    """Filesystems by the key of their host, the fullest first."""
    found: dict[str, list[DiskView]] = {}
    for entity in usage.disks:
        told = usage.disk(entity)
        used = told.newest
        if used is None:
            continue
        host, _, mountpoint = entity.partition(":")[2].partition(":")
        text = f"{share(used)} of {amount(told.size, 'By')}"
        found.setdefault(host, []).append(DiskView(entity, mountpoint, used, text, _disk_tone(used, worst.get(entity))))
    return {host: tuple(sorted(disks, key=lambda disk: -disk.used)) for host, disks in found.items()}


def _disk_tone(used: float, finding: Finding | None) -> str:
    """The finding's tone; without one, a disk that is nearly full stands out a little."""
    return tone.of(finding) if finding is not None else "warning" if used >= NEARLY_FULL else "quiet"
