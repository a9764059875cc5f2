"""A finding: one suspicion, whoever had it. Every detector, monitor and outside alert speaks in these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from wellkept.kernel.clock import stable_id
from wellkept.kernel.codec import encode


class FindingKind(StrEnum):
    """What sort of suspicion it is."""

    ANOMALY = "anomaly"
    FORECAST = "forecast"
    THRESHOLD = "threshold"
    SLO_BURN = "slo_burn"
    LOG_PATTERN = "log_pattern"
    MISSING_DATA = "missing_data"
    DRIFT = "drift"
    DATA_QUALITY = "data_quality"
    PERFORMANCE = "performance"
    EXTERNAL = "external"


HEARD_LATE = "heard_late"
"""Attribute of a finding that its sender told of long after it began, although it could have: a sentence."""


class Severity(IntEnum):
    """How bad, the larger the worse; incidents take the worst of their findings."""

    INFO = 1
    WARNING = 2
    ERROR = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on, small enough to keep and enough to look at it again.

    ``signal`` says where it comes from (a metric's name, ``span.duration``, ``log``, ``feature``);
    ``attributes`` name the series; ``points`` are (seconds since the epoch, value) for the picture;
    ``expected`` is the band that was expected; ``samples`` are log lines or trace ids.
    """

    signal: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    window_start: datetime | None = None
    window_end: datetime | None = None
    points: tuple[tuple[float, float], ...] = ()
    expected: tuple[float, float] | None = None
    limit: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    samples: tuple[str, ...] = ()


class _Identified:
    """Room for the id once it was made: it is asked for again and again, and costs a hash."""

    __slots__ = ("_id",)
    _id: str


@dataclass(frozen=True, slots=True)
class Finding(_Identified):
    """One suspicion about one entity.

    ``fingerprint`` decides what is "the same": a finding seen again with the same fingerprint while the first is
    open updates it. ``score`` has the meaning that ``score_meaning`` states. ``ends_at`` None means still open.
    """

    fingerprint: str
    detector: str
    detector_version: str
    entity: str
    kind: FindingKind
    severity: Severity
    score: float
    score_meaning: str
    starts_at: datetime
    sentence: str
    ends_at: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Stable id of this occurrence: the fingerprint and when it began."""
        try:
            return self._id
        except AttributeError:
            made = stable_id("fnd", self.fingerprint, self.starts_at.isoformat())
            object.__setattr__(self, "_id", made)
            return made

    @property
    def signal(self) -> str:
        """The series that it is about, by its first evidence; empty where it has none."""
        return self.evidence[0].signal if self.evidence else ""

    @property
    def heard_late(self) -> str:
        """How late its sender told of it; empty where it was in time, or where this platform could not be told."""
        return self.attributes.get(HEARD_LATE, "")

    @property
    def is_open(self) -> bool:
        return self.ends_at is None

    def told(self) -> dict[str, Any]:
        """As a plain JSON value with its id, for readers outside."""
        return {"id": self.id, **encode(self)}


def fingerprint(detector: str, entity: str, signal: str, *parts: str) -> str:
    """What makes two findings the same: who says it, of what, about which signal (and more where needed)."""
    return stable_id("fp", detector, entity, signal, *parts)


def heard_late_of(findings: Iterable[Finding], onset: datetime) -> str:
    """How late the first sign was told of, of what began then; empty where another sign of that moment was in time."""
    said = [finding.heard_late for finding in findings if finding.starts_at == onset]
    return said[0] if said and all(said) else ""
