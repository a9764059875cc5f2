"""How incidents went over a span, per service and per model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from wellkept.spine.incidentbook import IncidentBook
from wellkept.spine.incidentsummary import MOMENTS, Row, Spread
from wellkept.web.charts.spark import Spark
from wellkept.web.views.incidents import SEVERITIES
from wellkept.web.wording import duration, plural, share

SPANS: Mapping[str, int] = {"7": 7, "30": 30, "90": 90, "365": 365}
USUAL = "30"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One service or model. ``severities`` are (name, how many), the worst first; ``took`` is for each moment."""

    name: str
    kind: str
    href: str
    incidents: str
    live: int
    severities: tuple[tuple[str, int], ...]
    days: Spark
    took: tuple[tuple[str, str], ...]
    again: float
    again_words: str
    noise: float
    noise_words: str


@dataclass(frozen=True, slots=True)
class SummaryView:
    """The page."""

    start: datetime
    end: datetime
    chosen: str
    rows: tuple[SummaryRow, ...]
    spans: tuple[str, ...] = tuple(SPANS)
    moments: tuple[str, ...] = MOMENTS


def summary_view(book: IncidentBook, chosen: str, now: datetime) -> SummaryView:
    """Of the incidents that began in the last days."""
    days = SPANS.get(chosen, SPANS[USUAL])
    found = book.summary(now - timedelta(days=days), now)
    rows = tuple(_row(row) for row in found.rows if row.incidents)
    return SummaryView(found.start, found.end, str(days), rows)


def _row(row: Row) -> SummaryRow:
    return SummaryRow(
        name=row.name if row.kind else {"all": "everything", "other": "neither a service nor a model"}[row.name],
        kind=row.kind,
        href=f"/incidents?service={row.name}" if row.kind == "service" else "",
        incidents=plural(row.incidents, "incident"),
        live=row.live,
        severities=tuple((name, row.by_severity[name]) for name in SEVERITIES if row.by_severity.get(name)),
        days=Spark(f"incidents of {row.name} by day", "", range(len(row.by_day)), [float(n) for n in row.by_day]),
        took=tuple(_took(row.times[moment], row.heard_late if moment == "detect" else 0) for moment in MOMENTS),
        again=row.repeat_rate,
        again_words=f"{row.repeats} of {row.incidents} came back ({share(row.repeat_rate)})",
        noise=row.noise_share,
        noise_words=f"{row.noise} of {row.incidents} needed nobody ({share(row.noise_share)})",
    )


def _took(spread: Spread, late: int) -> tuple[str, str]:
    """The median, and the ninth decile; and how many do not count, since they were told of late."""
    aside = f"; {late} told of late" if late else ""
    if spread.median_s is None or spread.p90_s is None:
        return "–", f"none so far{aside}"
    return duration(spread.median_s), f"p90 {duration(spread.p90_s)}, of {spread.count}{aside}"
