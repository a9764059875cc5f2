"""How incidents went over a span: per service and per model, how many, how bad, how quickly, how often again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident
from wellkept.kernel.times import Times, times_of

ALL, NEITHER = "all", "other"
"""Names of the row over everything, and of the one for incidents about no service and no model."""
_MODEL_SIDE = frozenset({"model", "model_version", "feature", "deployment"})
MOMENTS = ("detect", "acknowledge", "mitigate", "resolve")


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took: of ``count`` incidents the median and the ninth decile, in seconds."""

    count: int
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """The incidents of one service or model. An incident about several counts in each of their rows."""

    name: str
    kind: str
    incidents: int
    live: int
    by_severity: Mapping[str, int]
    by_day: tuple[int, ...]
    times: Mapping[str, Spread]
    """To ``detect`` (from the onset), ``acknowledge``, ``mitigate`` and ``resolve`` (each from the detection)."""
    repeats: int
    repeat_rate: float
    """The share of incidents that were the return of an earlier one."""
    noise: int
    heard_late: int
    """So many were told of late by who saw them first: they are not in the times to ``detect``."""
    noise_share: float
    """The share that nobody was told of, or that ended by itself: nobody and nothing did something about it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All rows, the one over everything first, then the others with most incidents first."""

    start: datetime
    end: datetime
    days: tuple[datetime, ...]
    rows: tuple[Row, ...]


def summarize(incidents: Iterable[Incident], acted: Collection[str], start: datetime, end: datetime) -> Summary:
    """Of the incidents that began within the span.

    Args:
        incidents: heads are enough. Merged ones count with those that took them in, and not by themselves.
        acted: ids of the incidents that a plan was run for.
        start: the first moment of the span.
        end: the first moment behind it.
    """
    chosen = [one for one in incidents if start <= one.opened_at < end and not one.merged_into]
    days = tuple(start + timedelta(days=n) for n in range(max(1, math.ceil((end - start) / timedelta(days=1)))))
    groups: dict[tuple[str, str], list[Incident]] = {}
    for incident in chosen:
        for key in _subjects(incident):
            groups.setdefault(key, []).append(incident)
    rows = [_row(name, kind, of, acted, days) for (kind, name), of in groups.items()]
    ordered = sorted(rows, key=lambda row: (-row.incidents, row.kind, row.name))
    return Summary(start, end, days, (_row(ALL, "", chosen, acted, days), *ordered))


def _subjects(incident: Incident) -> list[tuple[str, str]]:
    """The services and models that an incident is about."""
    found: dict[tuple[str, str], None] = {}
    for entity in incident.entities:
        kind, _, name = entity.partition(":")
        if kind in _MODEL_SIDE:
            found["model", name.partition("/")[0].partition("@")[0]] = None
        elif kind == "service":
            found["service", name] = None
    return list(found) or [("", NEITHER)]


def _row(name: str, kind: str, of: Sequence[Incident], acted: Collection[str], days: Sequence[datetime]) -> Row:
    count = len(of)
    took = [times_of(incident) for incident in of]
    in_time = [times for times, incident in zip(took, of, strict=True) if not incident.heard_late]
    repeats = sum(1 for incident in of if incident.reopens)
    noise = sum(1 for incident in of if is_noise(incident, acted))
    severities = Counter(incident.severity for incident in of)
    by_day = Counter((incident.opened_at - days[0]) // timedelta(days=1) for incident in of)
    return Row(
        name=name,
        kind=kind,
        incidents=count,
        live=sum(1 for incident in of if incident.state.is_live),
        by_severity={severity.name.lower(): severities[severity] for severity in reversed(Severity)},
        by_day=tuple(by_day[index] for index in range(len(days))),
        times={moment: _spread(in_time if moment == "detect" else took, moment) for moment in MOMENTS},
        repeats=repeats,
        repeat_rate=repeats / count if count else 0.0,
        noise=noise,
        heard_late=count - len(in_time),
        noise_share=noise / count if count else 0.0,
    )


def is_noise(incident: Incident, acted: Collection[str]) -> bool:
    """Whether it was held back, or is over without anybody or anything having done something about it."""
    if incident.held:
        return True
    done = incident.acknowledged_at or incident.mitigated_at or incident.assignee or incident.id in acted
    return not incident.state.is_live and not done


def _spread(took: Sequence[Times], moment: str) -> Spread:
    values = sorted(value for times in took if (value := getattr(times, f"{moment}_s")) is not None)
    return Spread(len(values), quantile(values, 0.5), quantile(values, 0.9))


def quantile(values: Sequence[float], share: float) -> float | None:
    """A quantile of sorted values, interpolated between neighbours; None of none."""
    if not values:
        return None
    place = share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)
