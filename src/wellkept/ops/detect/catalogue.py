"""The catalogue of well-known series, and how values of their units are said.

Few false alarms is a promise, so the catalogue is short: what users feel first (latency, errors, throughput, being
up), then resources that run out. A series that is not named here is stored and can be looked at, but wakes nobody.
Names and units are those of the OpenTelemetry semantic conventions; ``span.*`` and ``log.*`` are what the store
derives from spans and logs. Those of Prometheus exporters are in ``exporters.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wellkept.kernel.conventions import CPU_MODES, CPU_TIMES
from wellkept.kernel.entity import EntityKind
from wellkept.ops.detect.exporters import EXPORTERS
from wellkept.ops.detect.meaning import Bad, Extreme, Meaning

_USED = ((("system.filesystem.state", "system.memory.state", "state"), "used"),)
_CPU = Meaning(
    "",
    "CPU in use",
    "1",
    Bad.UP,
    0.3,
    alarming=0.9,
    capacity=1.0,
    where=((CPU_MODES, "idle"),),
    complement=True,
    resource="cpu",
)

_VOLUME = Meaning(
    "",
    "space in use",
    "By",
    Bad.UP,
    1e6,
    fills=Extreme.LAST,
    where=((("k8s.volume.type",), "persistentVolumeClaim"),),
    complement=True,
    resource="disk",
    anomaly=False,
)
"""Of the volumes of a pod those that are its own: the others lie on the disk of its node."""


def _quotas() -> tuple[Meaning, ...]:
    """What a Kubernetes namespace may use, by the resource."""
    parts = (
        ("cpu.limit", "{cpu}", 0.5),
        ("cpu.request", "{cpu}", 0.5),
        ("memory.limit", "By", 64e6),
        ("memory.request", "By", 64e6),
        ("storage.request", "By", 1e9),
        ("ephemeral_storage.limit", "By", 64e6),
        ("ephemeral_storage.request", "By", 64e6),
        ("persistentvolumeclaim.count", "{persistentvolumeclaim}", 1),
        ("object_count", "{object}", 1),
    )
    return tuple(
        Meaning(
            f"k8s.resourcequota.{part}.used",
            f"quota of {part.replace('_', ' ').replace('.', ' ')} in use",
            unit,
            Bad.UP,
            floor,
            limit=f"k8s.resourcequota.{part}.hard",
            fills=Extreme.LAST,
            resource=f"quota of {part}",
            brim=False,
            anomaly=False,
        )
        for part, unit, floor in parts
    )


MEANINGS: tuple[Meaning, ...] = (
    Meaning("span.duration.p95", "the slowest twentieth of requests", "s", Bad.UP, 0.1, share=1.0, symptom=True),
    Meaning(
        "span.duration.mean",
        "the mean duration of requests",
        "s",
        Bad.UP,
        0.05,
        share=1.0,
        symptom=True,
        unless=("span.duration.p95",),
    ),
    Meaning("span.errors", "failed requests per second", "1/s", Bad.UP, 0.2, share=1.0, counts=True, symptom=True),
    Meaning("span.rate", "requests per second", "1/s", Bad.DOWN, 0.5, share=0.7, counts=True, symptom=True),
    *(replace(_CPU, name=name, unless=CPU_TIMES[:place]) for place, name in enumerate(CPU_TIMES)),
    Meaning(
        "process.cpu.utilization",
        "CPU in use",
        "1",
        Bad.UP,
        0.4,
        alarming=0.9,
        capacity=1.0,
        resource="cpu",
    ),
    Meaning(
        "system.memory.utilization",
        "memory in use",
        "1",
        Bad.UP,
        0.2,
        alarming=0.9,
        capacity=1.0,
        fills=Extreme.LOWEST,
        where=_USED,
        loose=True,
        resource="memory",
    ),
    Meaning(
        "system.memory.usage",
        "memory in use",
        "By",
        Bad.UP,
        64e6,
        limit="system.memory.limit",
        whole=("used", "free", "buffered", "cached"),
        fills=Extreme.LOWEST,
        where=_USED,
        loose=True,
        resource="memory",
        anomaly=False,
    ),
    Meaning(
        "process.memory.usage",
        "memory in use",
        "By",
        Bad.UP,
        16e6,
        limit="process.memory.limit",
        fills=Extreme.LOWEST,
        resource="memory",
        anomaly=False,
    ),
    Meaning(
        "container.memory.usage",
        "memory in use",
        "By",
        Bad.UP,
        16e6,
        limit="container.memory.limit",
        fills=Extreme.LOWEST,
        resource="memory",
        anomaly=False,
    ),
    Meaning(
        "system.filesystem.usage",
        "space in use",
        "By",
        Bad.UP,
        1e6,
        limit="system.filesystem.limit",
        whole=("used", "free"),
        fills=Extreme.LAST,
        where=_USED,
        loose=True,
        resource="disk",
        anomaly=False,
    ),
    Meaning(
        "system.filesystem.utilization",
        "space in use",
        "1",
        Bad.UP,
        0.05,
        capacity=1.0,
        fills=Extreme.LAST,
        where=_USED,
        loose=True,
        resource="disk",
        anomaly=False,
    ),
    Meaning(
        "system.filesystem.inodes.usage",
        "inodes in use",
        "{inode}",
        Bad.UP,
        1000,
        limit="system.filesystem.inodes.limit",
        whole=("used", "free"),
        fills=Extreme.LAST,
        where=_USED,
        loose=True,
        resource="inodes",
        anomaly=False,
    ),
    Meaning(
        "system.paging.utilization",
        "swap in use",
        "1",
        Bad.UP,
        0.1,
        capacity=1.0,
        fills=Extreme.LAST,
        where=((("system.paging.state", "state"), "used"),),
        loose=True,
        resource="swap",
        brim=False,
        anomaly=False,
    ),
    Meaning(
        "process.unix.file_descriptor.count",
        "open file descriptors",
        "{file_descriptor}",
        Bad.UP,
        100,
        limit="process.unix.file_descriptor.limit",
        fills=Extreme.LOWEST,
        resource="file descriptors",
        anomaly=False,
    ),
    Meaning(
        "jvm.memory.used",
        "heap in use",
        "By",
        Bad.UP,
        16e6,
        limit="jvm.memory.limit",
        fills=Extreme.LOWEST,
        where=((("jvm.memory.type", "type"), "heap"),),
        resource="memory",
        brim=False,
        anomaly=False,
    ),
    Meaning(
        "k8s.container.memory.usage",
        "memory in use",
        "By",
        Bad.UP,
        16e6,
        limit="k8s.container.memory.limit.desired",
        fills=Extreme.LOWEST,
        resource="memory",
        anomaly=False,
    ),
    Meaning(
        "container.memory.working_set",
        "memory in use",
        "By",
        Bad.UP,
        16e6,
        limit="k8s.container.memory.limit.desired",
        fills=Extreme.LOWEST,
        resource="memory",
        anomaly=False,
    ),
    *(
        Meaning(
            f"k8s.{of}utilization",
            f"{resource.replace('cpu', 'CPU')} in use",
            "1",
            Bad.UP,
            0.2,
            alarming=0.9,
            capacity=1.0,
            fills=Extreme.LOWEST if resource == "memory" else None,
            resource=resource,
        )
        for of, resource in (
            ("container.memory_limit_", "memory"),
            ("pod.memory_limit_", "memory"),
            ("container.cpu.limit.", "cpu"),
            ("pod.cpu_limit_", "cpu"),
        )
    ),
    replace(_VOLUME, name="k8s.volume.available", limit="k8s.volume.capacity"),
    replace(_VOLUME, name="k8s.pod.volume.available", limit="k8s.pod.volume.capacity"),
    Meaning(
        "db.client.connection.count",
        "database connections in use",
        "{connection}",
        Bad.UP,
        2,
        limit="db.client.connection.max",
        fills=Extreme.LOWEST,
        where=((("db.client.connection.state", "state"), "used"),),
        resource="connections",
        anomaly=False,
    ),
    Meaning(
        "queue.depth",
        "messages waiting",
        "{message}",
        Bad.UP,
        100,
        limit="queue.capacity",
        fills=Extreme.LOWEST,
        resource="queue",
        anomaly=False,
    ),
    Meaning("endpoint.duration.p95", "the slowest twentieth of requests", "s", Bad.UP, 0.1, share=1.0, symptom=True),
    Meaning("endpoint.exclusive.p90", "time spent in the service itself", "s", Bad.UP, 0.05, share=1.0),
    Meaning("endpoint.errors", "failed requests per second", "1/s", Bad.UP, 0.2, share=1.0, counts=True, symptom=True),
    Meaning("call.duration.p95", "the slowest twentieth of requests", "s", Bad.UP, 0.1, share=1.0),
    Meaning("call.errors", "failed requests per second", "1/s", Bad.UP, 0.2, share=1.0, counts=True),
    *_quotas(),
    Meaning(
        "k8s.resource_quota.used",
        "quota in use",
        "",
        Bad.UP,
        1,
        limit="k8s.resource_quota.hard_limit",
        fills=Extreme.LAST,
        resource="quota",
        brim=False,
        anomaly=False,
    ),
    *EXPORTERS,
)
"""Every series that detectors watch, symptoms first."""

BY_NAME: Mapping[str, Meaning] = {meaning.name: meaning for meaning in MEANINGS}

LIMITS = frozenset(meaning.limit for meaning in MEANINGS if meaning.limit)
"""Names of the series that hold where others end."""

UP = "service.up"
"""1 while a service answers, 0 while it does not."""

READ_ONLY_FILESYSTEMS = frozenset({"squashfs", "iso9660", "cramfs", "erofs", "udf"})
"""Always full by nature; nobody can fill them."""

REPORTERS = frozenset({EntityKind.HOST, EntityKind.SERVICE, EntityKind.DATABASE, EntityKind.DEPLOYMENT})
"""Whose silence is worth a word. Processes and pods come and go, and disks are unmounted."""


@dataclass(frozen=True, slots=True)
class Format:
    """How to print values of a unit."""

    factor: float = 1.0
    suffix: str = ""
    units: tuple[tuple[float, str], ...] = field(default=())


_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_FORMATS: Mapping[str, Format] = {
    "%": Format(suffix=" %"),
    "1": Format(100.0, " %"),
    "By": Format(units=_BYTES),
    "1/s": Format(suffix=" per second"),
}


def amount(value: float, unit: str) -> str:
    """A value with its unit, for people: ``1.2 GB``, ``87 %``, ``340 ms``."""
    if unit.endswith("/s") and unit not in _FORMATS:
        return f"{amount(value, unit.removesuffix('/s'))} per second"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.3g} s"
    form = _FORMATS.get(unit, Format(suffix=f" {unit}" if unit and not unit.startswith("{") else ""))
    for size, name in form.units:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    scaled = value * form.factor
    text = f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"
    return text + form.suffix


def duration(seconds: float) -> str:
    """A length of time for people: ``40 s``, ``12 min``, ``3.5 h``, ``2 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
