"""The page of log lines: those of an entity in a stretch of time that fit a pattern, and how often they came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wellkept.kernel.redact import redact
from wellkept.store.telemetry.log_pages import LogsWanted
from wellkept.web.charts.line import LineChart, Shade
from wellkept.web.readings import Readings
from wellkept.web.views.looks import Stretch, stretch
from wellkept.web.views.patterns import STEPS
from wellkept.web.wording import bare

LIMIT, LONGEST = 100, 4000
"""Lines that are shown, and the letters of each that are looked through for secrets: far more than are shown."""
PIECES, LEAST = 4, 3
"""Pieces of a pattern that are looked for, and the letters that one has at least."""
_PLACE = re.compile(r"^[A-Za-z_]+(?:#|[.][a-z]{1,4}:)\d+ ")
_HOLES = re.compile(r"<[\w.*]*>|[#\"*]+")
_TONES = ((21, "critical"), (17, "error"), (13, "warning"))


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line, its secrets masked. ``is_after``: it came since the onset."""

    at: datetime
    severity: str
    tone: str
    body: str
    entity: str
    trace: str
    is_after: bool


@dataclass(frozen=True, slots=True)
class LinesView:
    """The page; ``chart`` is None where the pattern is not counted (yet)."""

    pattern: str
    entity: str
    start: datetime
    end: datetime
    onset: datetime | None
    rows: tuple[LineRow, ...]
    chart: LineChart | None
    is_cut: bool


def lines_view(readings: Readings, asked: Mapping[str, str], now: datetime) -> LinesView:
    """The newest lines that fit.

    Raises:
        InputError: a stretch of time that is none.
    """
    pattern, entity = asked.get("pattern", ""), asked.get("entity", "")
    seen = stretch(asked, now)
    found = readings.lines(LogsWanted(seen.start, seen.end, words_of(pattern), entity), LIMIT)
    return LinesView(
        pattern=pattern,
        entity=bare(entity),
        start=seen.start,
        end=seen.end,
        onset=seen.onset,
        rows=tuple(_row(row, seen) for row in found),
        chart=_chart(readings, pattern, entity, seen),
        is_cut=len(found) == LIMIT,
    )


def words_of(pattern: str) -> str:
    """What a line of the pattern holds in any case: its longest fixed pieces, each as one phrase."""
    place = _PLACE.match(pattern)
    rest = pattern[place.end() :] if place else pattern
    pieces = [piece.strip() for piece in _HOLES.split(rest) if len(piece.strip()) >= LEAST]
    pieces += [place[0].strip()] if place else []
    return " ".join(f'"{piece}"' for piece in sorted(pieces, key=len, reverse=True)[:PIECES])


def _row(row: Mapping[str, Any], seen: Stretch) -> LineRow:
    at = row["time"] if row["time"].tzinfo else row["time"].replace(tzinfo=UTC)
    tone = next((tone for least, tone in _TONES if row["severity_number"] >= least), "quiet")
    is_after = seen.onset is not None and at >= seen.onset
    return LineRow(
        at, row["severity"].lower(), tone, redact(row["body"][:LONGEST]), bare(row["entity"]), row["trace_id"], is_after
    )


def _chart(readings: Readings, pattern: str, entity: str, seen: Stretch) -> LineChart | None:
    """Lines of the pattern by step, where it is one that is counted."""
    if not pattern:
        return None
    counted = readings.patterns_of(seen.start, seen.end, entity)
    row = next((row for row in counted if row["template"] == pattern), None)
    if row is None:
        return None
    step_s = seen.seconds / STEPS
    values = [0.0] * STEPS
    for place, lines in zip(row["steps"], row["counts"], strict=True):
        values[min(place, STEPS - 1)] = float(lines)
    times = [seen.start.timestamp() + (step + 1) * step_s for step in range(STEPS)]
    onset = seen.onset
    shades = (Shade(onset.timestamp(), None, f"trouble since {onset:%H:%M:%S} UTC"),) if onset is not None else ()
    return LineChart(f"lines in {step_s:.0f} s", "", times, values, shades=shades)
