"""What is logged, as patterns: how often, since when, and how that went over the last hour or day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wellkept.web.charts.spark import Spark
from wellkept.web.readings import Readings
from wellkept.web.wording import bare, count

SPANS: Mapping[str, timedelta] = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "1d": timedelta(days=1)}
LEVELS: Mapping[str, int] = {"all": 0, "warning": 13, "error": 17}
LIMIT = 100
STEPS = 60
_TONES = ((21, "critical", "fatal"), (17, "error", "error"), (13, "warning", "warning"))


@dataclass(frozen=True, slots=True)
class PatternRow:
    """One pattern. ``parts``: its template in pieces, and whether each is the name of what varies."""

    id: str
    parts: tuple[tuple[str, bool], ...]
    sample: str
    severity: str
    tone: str
    lines: str
    where: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    spark: Spark


@dataclass(frozen=True, slots=True)
class PatternsView:
    """The page of patterns."""

    rows: tuple[PatternRow, ...]
    span: str
    level: str
    service: str
    spans: tuple[str, ...] = tuple(SPANS)
    levels: tuple[str, ...] = tuple(LEVELS)


def patterns_view(readings: Readings, span: str, level: str, service: str, now: datetime) -> PatternsView:
    """The most frequent patterns of the last hour, six hours or day, of all severities or from one on."""
    span, level = span if span in SPANS else "1h", level if level in LEVELS else "all"
    found = readings.patterns(now - SPANS[span], now, service, LEVELS[level], LIMIT)
    rows = tuple(_row(row, now - SPANS[span], SPANS[span] / STEPS) for row in found)
    return PatternsView(rows, span, level, service)


def pieces(template: str) -> tuple[tuple[str, bool], ...]:
    """A template as plain text and names: ``user <user> left`` gives ``user``, ``<user>``, ``left``."""
    found: list[tuple[str, bool]] = []
    rest = template
    while rest:
        before, opening, after = rest.partition("<")
        name, closing, rest_after = after.partition(">")
        if opening and closing and (name == "*" or name.replace("_", "").replace(".", "").isalnum()):
            found += [(before, False), (f"<{name}>", True)]
            rest = rest_after
        else:
            found.append((before + opening, False))
            rest = after
    return tuple(part for part in found if part[0])


def _row(row: Mapping[str, Any], start: datetime, step: timedelta) -> PatternRow:
    tone, severity = next(((tone, word) for least, tone, word in _TONES if row["severity"] >= least), ("quiet", ""))
    values = [0.0] * STEPS
    for place, lines in zip(row["steps"], row["counts"], strict=True):
        values[place] = float(lines)
    times = [start.timestamp() + (place + 1) * step.total_seconds() for place in range(STEPS)]
    samples = row["samples"] or [""]
    return PatternRow(
        id=f"{row['pattern']:016x}",
        parts=pieces(row["template"]),
        sample=samples[0],
        severity=severity,
        tone=tone,
        lines=count(row["lines"]),
        where=tuple(row["services"]) if any(row["services"]) else tuple(bare(entity) for entity in row["entities"]),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        spark=Spark("lines", "", times, values, None, tone if tone in ("error", "critical") else ""),
    )
