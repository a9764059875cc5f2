"""What rules would have done: how many pages, which, how early before known incidents, and what they would miss."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.codec import encode
from wellkept.kernel.finding import Severity
from wellkept.kernel.severities import severity_of
from wellkept.ops.detect.rules.base import Group, Rule
from wellkept.ops.detect.rules.bulk import Fired
from wellkept.ops.detect.rules.findings import Locate, entity_of
from wellkept.ops.detect.rules.history import History, Span, Trial
from wellkept.ops.detect.rules.loading import Loaded
from wellkept.ops.detect.rules.slo.base import STEP_S, Slo
from wellkept.ops.detect.rules.slo.findings import entity_of as entity_of_slo

PAGES_FROM = Severity.WARNING
"""Information is no page."""
_ELSEWHERE = 3
Related = Callable[[str, str], bool]
"""Whether two entities are the same, or near each other."""


@dataclass(frozen=True, slots=True)
class KnownIncident:
    """Trouble that is known of. ``end`` None: still going on. No entities: it is not known where."""

    id: str
    title: str
    start: datetime
    end: datetime | None = None
    entities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One time that somebody would have been told. ``lead_s``: how long before its incident began (negative: after).

    ``grace_s``: what begins within so long after its end may be what it was about.
    """

    rule: str
    severity: Severity
    entity: str
    labels: tuple[tuple[str, str], ...]
    fired_at: datetime
    held_since: datetime
    ended_at: datetime | None
    grace_s: float = 0.0
    incident: str = ""
    lead_s: float | None = None

    @property
    def is_page(self) -> bool:
        return self.severity >= PAGES_FROM


@dataclass(frozen=True, slots=True)
class Caught:
    """A known incident, and the first page of it; none: it would have been missed."""

    incident: KnownIncident
    first_page: Page | None

    @property
    def lead_s(self) -> float | None:
        """How long before the incident began the first page came."""
        return None if self.first_page is None else (self.incident.start - self.first_page.fired_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Backtest:
    """What would have happened between two moments."""

    start: datetime
    end: datetime
    pages: tuple[Page, ...]
    information: int
    """Alerts that are only information: no page, and not among the pages."""
    incidents: tuple[Caught, ...]
    failed: tuple[tuple[str, str], ...]
    """Rules that could not be tried, and why."""

    @property
    def per_day(self) -> float:
        """Pages a day."""
        return len(self.pages) / max((self.end - self.start).total_seconds() / 86_400, 1e-9)

    @property
    def missed(self) -> tuple[KnownIncident, ...]:
        return tuple(caught.incident for caught in self.incidents if caught.first_page is None)

    @property
    def unmatched(self) -> int:
        """Pages that are about no known incident."""
        return sum(not page.incident for page in self.pages)

    @property
    def lead_median_s(self) -> float | None:
        """The median of how long before an incident that was found its first page came; None where none was found."""
        leads = [caught.lead_s for caught in self.incidents if caught.lead_s is not None]
        return statistics.median(leads) if leads else None

    def document(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "pages": [{**encode(page), "severity": page.severity.name.lower()} for page in self.pages],
            "per_day": round(self.per_day, 4),
            "unmatched": self.unmatched,
            "information": self.information,
            "incidents": [
                {**encode(caught.incident), "lead_s": caught.lead_s, "first_page": encode(caught.first_page)}
                for caught in self.incidents
            ],
            "missed": len(self.missed),
            "lead_median_s": self.lead_median_s,
            "failed": [{"rule": rule, "why": why} for rule, why in self.failed],
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the time: the incidents, where things are, and what is near what."""

    incidents: Sequence[KnownIncident]
    locate: Locate
    related: Related


def backtest(trial: Trial, loaded: Loaded, start: datetime, end: datetime, known: Known) -> Backtest:
    """Try rules and objectives over what is stored between two moments."""
    span = Span(to_nanos(start) // 1_000_000, to_nanos(end) // 1_000_000)
    history = trial.run(loaded, span)
    everything = sorted(_pages(history, known.locate), key=lambda page: (page.fired_at, page.rule, page.labels))
    pages: list[Page] = []
    first: dict[str, Page] = {}
    for page in (page for page in everything if page.is_page):
        incidents = about(page, known, end)
        nearest = incidents[0] if incidents else None
        lead_s = (nearest.start - page.fired_at).total_seconds() if nearest else None
        pages.append(replace(page, incident=nearest.id if nearest else "", lead_s=lead_s))
        for incident in incidents:
            first.setdefault(incident.id, pages[-1])
    inside = [one for one in known.incidents if one.start <= end and (one.end is None or one.end >= start)]
    caught = [Caught(one, first.get(one.id)) for one in sorted(inside, key=lambda one: (one.start, one.id))]
    return Backtest(start, end, tuple(pages), len(everything) - len(pages), tuple(caught), history.failed)


def about(page: Page, known: Known, end: datetime) -> list[KnownIncident]:
    """The incidents that a page is about, the one that begins nearest to its trouble first.

    It fired within them, or ended just before they began. Those of its own entity go before those of a neighbour, and
    those before the ones of which it is not known where they were.
    """
    tied: dict[int, list[KnownIncident]] = {}
    for one in known.incidents:
        if page.fired_at <= (one.end or end) and (page.ended_at or end) + timedelta(seconds=page.grace_s) >= one.start:
            tied.setdefault(_apart(page, one, known.related), []).append(one)
    tied.pop(_ELSEWHERE, None)
    nearest = tied[min(tied)] if tied else []
    return sorted(nearest, key=lambda one: (abs((one.start - page.held_since).total_seconds()), one.id))


def _apart(page: Page, incident: KnownIncident, related: Related) -> int:
    """How far apart a page and an incident are."""
    if page.entity in (incident.entities or ("",)):
        return 0
    if not page.entity or not incident.entities:
        return 2
    return 1 if any(related(page.entity, entity) for entity in incident.entities) else _ELSEWHERE


def _pages(history: History, locate: Locate) -> list[Page]:
    found = [_of_rule(group, rule, one, locate) for group, rule, one in history.alerts]
    return found + [_of_slo(slo, one, locate) for slo, one in history.burns]


def _of_rule(group: Group, rule: Rule, one: Fired, locate: Locate) -> Page:
    labels = dict(one.labels)
    severity = rule.severity or severity_of(labels.get("severity") or labels.get("priority") or "")
    return _page(rule.name, severity, entity_of(rule, labels, locate), max(group.every_s, rule.for_s), one)


def _of_slo(slo: Slo, one: Fired, locate: Locate) -> Page:
    worst = max(burn.severity for burn in slo.burns)
    grace_s = max([STEP_S, *(burn.for_s for burn in slo.burns)])
    return _page(slo.name, worst, entity_of_slo(slo, locate), grace_s, one)


def _page(name: str, severity: Severity, entity: str, grace_s: float, one: Fired) -> Page:
    return Page(
        rule=name,
        severity=severity,
        entity=entity,
        labels=one.labels,
        grace_s=grace_s,
        fired_at=_moment(one.fired_ms),
        held_since=_moment(one.active_ms),
        ended_at=None if one.is_open else _moment(one.last_ms),
    )


def _moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
