"""What well-known series mean: which way is bad, how much matters in their own unit, and where they end.

Few false alarms is a promise, so the catalogue is short: what users feel first (latency, errors, throughput, being
up), then resources that run out. A series that is not named here is stored and can be looked at, but wakes nobody.
Names and units are those of the OpenTelemetry semantic conventions; ``span.*`` and ``log.*`` are what the store
derives from spans and logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from wellkept.kernel.entity import EntityKind


class Bad(IntEnum):
    """The direction in which a series gets worse; the value is the sign of a bad change."""

    UP = 1
    DOWN = -1


class Extreme(IntEnum):
    """What stands for a block of steps when growth is judged."""

    LOWEST = 0
    """The floor after garbage collection: for memory."""
    LAST = 1
    """What is there at the end: for disks."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a series says.

    ``floor`` is the least change, in the series' unit, that anyone would care about; ``share`` the least change as
    a share of the usual level. ``alarming`` is the level below which (above which, where down is bad) nothing is
    said at all. ``capacity`` is where the scale ends; ``limit`` names the series that holds the capacity of the same
    entity. ``where`` lists attributes (by all the names they have had) and the value that one of them must have;
    where ``loose``, a series that has none of them is meant too.
    """

    name: str
    says: str
    unit: str
    bad: Bad
    floor: float
    share: float = 0.0
    alarming: float | None = None
    capacity: float | None = None
    limit: str = ""
    fills: Extreme | None = None
    where: tuple[tuple[tuple[str, ...], str], ...] = ()
    loose: bool = False
    complement: bool = False
    """The series counts what is free; what is used is the capacity minus it."""
    counts: bool = False
    """A silent step is a zero, because nothing happened in it."""
    symptom: bool = False
    """Users feel it."""
    resource: str = ""
    """``memory``, ``disk`` or ``cpu``, where it is one."""
    anomaly: bool = True
    """Whether a sudden change is worth a word (growth towards a limit is judged apart)."""


_USED = ((("system.filesystem.state", "system.memory.state", "state"), "used"),)
_IDLE = ((("cpu.mode", "system.cpu.state", "state"), "idle"),)

MEANINGS: tuple[Meaning, ...] = (
    Meaning("span.duration.p95", "the slowest twentieth of requests", "s", Bad.UP, 0.1, share=1.0, symptom=True),
    Meaning("span.errors", "failed requests per second", "1/s", Bad.UP, 0.2, share=1.0, counts=True, symptom=True),
    Meaning("span.rate", "requests per second", "1/s", Bad.DOWN, 0.5, share=0.7, counts=True, symptom=True),
    Meaning(
        "system.cpu.utilization",
        "CPU in use",
        "1",
        Bad.UP,
        0.3,
        alarming=0.9,
        capacity=1.0,
        where=_IDLE,
        complement=True,
        resource="cpu",
    ),
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
)
"""Every series that detectors watch, symptoms first."""

BY_NAME: Mapping[str, Meaning] = {meaning.name: meaning for meaning in MEANINGS}

UP = "service.up"
"""1 while a service answers, 0 while it does not."""

READ_ONLY_FILESYSTEMS = frozenset({"squashfs", "iso9660", "cramfs", "erofs", "udf"})
"""Always full by nature; nobody can fill them."""

REPORTERS = frozenset(
    {EntityKind.HOST, EntityKind.SERVICE, EntityKind.DATABASE, EntityKind.DEPLOYMENT, EntityKind.CONTAINER}
)
"""Whose silence is worth a word. Processes come and go, and disks are unmounted."""


@dataclass(frozen=True, slots=True)
class Format:
    """How to print values of a unit."""

    factor: float = 1.0
    suffix: str = ""
    units: tuple[tuple[float, str], ...] = field(default=())


_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_FORMATS: Mapping[str, Format] = {
    "1": Format(100.0, " %"),
    "By": Format(units=_BYTES),
    "1/s": Format(suffix=" per second"),
}


def amount(value: float, unit: str) -> str:
    """A value with its unit, for people: ``1.2 GB``, ``87 %``, ``340 ms``."""
    if unit == "s":
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.3g} s"
    form = _FORMATS.get(unit, Format(suffix=f" {unit}" if unit else ""))
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
